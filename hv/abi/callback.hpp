// SPDX-License-Identifier: MIT
// CALLBACKOP_*: the entry points of a guest kernel for events and system calls; NMIs.
#pragma once

#include "hv/abi/interface_version.hpp"

extern "C" {
#include <xen/callback.h>
#include <xen/nmi.h>
}

static_assert(sizeof(callback_register) == 16);
static_assert(offsetof(callback_register, address) == 8);
