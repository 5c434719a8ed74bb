// SPDX-License-Identifier: MIT
// XENVER_* and the feature bits that a guest asks for.
#pragma once

#include "hv/abi/interface_version.hpp"

extern "C" {
#include <xen/version.h>
}

static_assert(sizeof(xen_compile_info) == 144);
static_assert(sizeof(xen_feature_info) == 8);
