// SPDX-License-Identifier: MIT
// Event channels: EVTCHNOP_* and the argument of each; the 2-level limits.
#pragma once

#include "hv/abi/interface_version.hpp"

extern "C" {
#include <xen/event_channel.h>
}

static_assert(sizeof(evtchn_alloc_unbound) == 8);
static_assert(sizeof(evtchn_bind_interdomain) == 12);
static_assert(sizeof(evtchn_bind_virq) == 12);
static_assert(sizeof(evtchn_status) == 24);
static_assert(sizeof(evtchn_init_control) == 24);
static_assert(EVTCHN_2L_NR_CHANNELS == 4096);
