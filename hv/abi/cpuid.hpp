// SPDX-License-Identifier: MIT
// The CPUID leaves that Xen adds, from 40000000H on.
#pragma once

#include "hv/abi/interface_version.hpp"

extern "C" {
#include <xen/arch-x86/cpuid.h>
}
