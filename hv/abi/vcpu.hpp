// SPDX-License-Identifier: MIT
// VCPUOP_*: bringing vCPUs up, their timers, and the areas that they register.
#pragma once

#include "hv/abi/interface_version.hpp"

extern "C" {
#include <xen/vcpu.h>
}

static_assert(sizeof(vcpu_runstate_info) == 48);
static_assert(offsetof(vcpu_runstate_info, state_entry_time) == 8);
static_assert(sizeof(vcpu_set_singleshot_timer) == 16);
static_assert(sizeof(vcpu_register_vcpu_info) == 16);
static_assert(sizeof(vcpu_register_time_memory_area) == 8);
