// SPDX-License-Identifier: MIT
// The console's shared page (Xen's public io/console.h): bytes in, bytes out, four indices.
#pragma once

#include "hv/abi/xen.hpp"

extern "C" {
#include <xen/io/console.h>
}

namespace ring3::abi {

using ConsoleRing = ::xencons_interface;

static_assert(offsetof(ConsoleRing, in) == 0x000 && sizeof(ConsoleRing::in) == 1024);
static_assert(offsetof(ConsoleRing, out) == 0x400 && sizeof(ConsoleRing::out) == 2048);
static_assert(offsetof(ConsoleRing, in_cons) == 0xc00);
static_assert(offsetof(ConsoleRing, in_prod) == 0xc04);
static_assert(offsetof(ConsoleRing, out_cons) == 0xc08);
static_assert(offsetof(ConsoleRing, out_prod) == 0xc0c);

}  // namespace ring3::abi
