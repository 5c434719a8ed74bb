// SPDX-License-Identifier: MIT
// Xen's error numbers: XEN_EINVAL and so on; a hypercall answers their negatives.
#pragma once

#include "hv/abi/interface_version.hpp"

extern "C" {
#include <xen/errno.h>
}
