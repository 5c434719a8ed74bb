// SPDX-License-Identifier: MIT
// SCHEDOP_* and SHUTDOWN_*: what a guest says to the scheduler, and why it shuts down.
#pragma once

#include "hv/abi/interface_version.hpp"

extern "C" {
#include <xen/sched.h>
}

static_assert(sizeof(sched_poll) == 24);
static_assert(offsetof(sched_poll, timeout) == 16);
static_assert(sizeof(sched_watchdog) == 8);
