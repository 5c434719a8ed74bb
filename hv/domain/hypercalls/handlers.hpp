// SPDX-License-Identifier: MIT
// The handler of each hypercall, by Xen's name for it. One file of this folder per group.
#pragma once

#include "hv/domain/hypercalls/hypercall.hpp"

namespace ring3::hypercalls {

#define RING3_HYPERCALL(name) \
    HypercallResult name(Vcpu& caller, const HypercallArguments& arguments)

// mmu.cpp
RING3_HYPERCALL(mmu_update);
RING3_HYPERCALL(mmuext_op);
RING3_HYPERCALL(update_va_mapping);
RING3_HYPERCALL(update_va_mapping_otherdomain);
// descriptors.cpp
RING3_HYPERCALL(set_gdt);
RING3_HYPERCALL(update_descriptor);
RING3_HYPERCALL(set_segment_base);
// traps.cpp
RING3_HYPERCALL(set_trap_table);
RING3_HYPERCALL(stack_switch);
RING3_HYPERCALL(fpu_taskswitch);
RING3_HYPERCALL(set_debugreg);
RING3_HYPERCALL(get_debugreg);
RING3_HYPERCALL(iret);
// callbacks.cpp
RING3_HYPERCALL(set_callbacks);
RING3_HYPERCALL(callback_op);
RING3_HYPERCALL(nmi_op);
// memory_op.cpp
RING3_HYPERCALL(memory_op);
// multicall.cpp
RING3_HYPERCALL(multicall);
// timer.cpp
RING3_HYPERCALL(set_timer_op);
// sched_op.cpp
RING3_HYPERCALL(sched_op);
RING3_HYPERCALL(sched_op_compat);
// vcpu_op.cpp
RING3_HYPERCALL(vcpu_op);
// event_channel_op.cpp
RING3_HYPERCALL(event_channel_op);
RING3_HYPERCALL(event_channel_op_compat);
// physdev_op.cpp
RING3_HYPERCALL(physdev_op);
RING3_HYPERCALL(physdev_op_compat);
// grant_table_op.cpp
RING3_HYPERCALL(grant_table_op);
// version.cpp
RING3_HYPERCALL(xen_version);
// vm_assist.cpp
RING3_HYPERCALL(vm_assist);
// privileged.cpp
RING3_HYPERCALL(console_io);
RING3_HYPERCALL(platform_op);
RING3_HYPERCALL(domctl);
RING3_HYPERCALL(sysctl);
RING3_HYPERCALL(hvm_op);
RING3_HYPERCALL(dm_op);
RING3_HYPERCALL(xenpmu_op);
RING3_HYPERCALL(not_permitted);

#undef RING3_HYPERCALL

}  // namespace ring3::hypercalls
