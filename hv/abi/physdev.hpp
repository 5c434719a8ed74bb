// SPDX-License-Identifier: MIT
// PHYSDEVOP_*: what an unprivileged guest may still ask about I/O.
#pragma once

#include "hv/abi/interface_version.hpp"

extern "C" {
#include <xen/physdev.h>
}

static_assert(sizeof(physdev_set_iopl) == 4);
static_assert(sizeof(physdev_set_iobitmap) == 16);
static_assert(sizeof(physdev_pirq_eoi_gmfn) == 8);
