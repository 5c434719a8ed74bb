// SPDX-License-Identifier: MIT
// The notes by which a kernel's ELF file tells a domain builder what it wants.
#pragma once

#include "hv/abi/interface_version.hpp"

extern "C" {
#include <xen/elfnote.h>
}
