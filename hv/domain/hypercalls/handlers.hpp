// SPDX-License-Identifier: MIT
// The handler of each hypercall, by Xen's name for it. One file of this folder per group.
#pragma once

#include "hv/domain/hypercalls/hypercall.hpp"

namespace ring3::hypercalls {

#define RING3_HYPERCALL(name) \
    HypercallResult name(Vcpu& caller, const HypercallArguments& arguments)

// mmu.cpp
HypercallResult mmu_update(Vcpu& caller, const HypercallArguments& arguments);
HypercallResult mmuext_op(Vcpu& caller, const HypercallArguments& arguments);
HypercallResult update_va_mapping(Vcpu& caller, const HypercallArguments& arguments);
HypercallResult update_va_mapping_otherdomain(Vcpu& caller, const HypercallArguments& arguments);
// descriptors.cpp
HypercallResult set_gdt(Vcpu& caller, const HypercallArguments& arguments);
HypercallResult update_descriptor(Vcpu& caller, const HypercallArguments& arguments);
HypercallResult set_segment_base(Vcpu& caller, const HypercallArguments& arguments);
// traps.cpp
HypercallResult set_trap_table(Vcpu& caller, const HypercallArguments& arguments);
HypercallResult stack_switch(Vcpu& caller, const HypercallArguments& arguments);
HypercallResult fpu_taskswitch(Vcpu& caller, const HypercallArguments& arguments);
HypercallResult set_debugreg(Vcpu& caller, const HypercallArguments& arguments);
HypercallResult get_debugreg(Vcpu& caller, const HypercallArguments& arguments);
HypercallResult iret(Vcpu& caller, const HypercallArguments& arguments);
// callbacks.cpp
HypercallResult set_callbacks(Vcpu& caller, const HypercallArguments& arguments);
HypercallResult callback_op(Vcpu& caller, const HypercallArguments& arguments);
HypercallResult nmi_op(Vcpu& caller, const HypercallArguments& arguments);
// memory_op.cpp
HypercallResult memory_op(Vcpu& caller, const HypercallArguments& arguments);
// multicall.cpp
HypercallResult multicall(Vcpu& caller, const HypercallArguments& arguments);
// timer.cpp
HypercallResult set_timer_op(Vcpu& caller, const HypercallArguments& arguments);
// sched_op.cpp
HypercallResult sched_op(Vcpu& caller, const HypercallArguments& arguments);
HypercallResult sched_op_compat(Vcpu& caller, const HypercallArguments& arguments);
// vcpu_op.cpp
HypercallResult vcpu_op(Vcpu& caller, const HypercallArguments& arguments);
// event_channel_op.cpp
HypercallResult event_channel_op(Vcpu& caller, const HypercallArguments& arguments);
HypercallResult event_channel_op_compat(Vcpu& caller, const HypercallArguments& arguments);
// physdev_op.cpp
HypercallResult physdev_op(Vcpu& caller, const HypercallArguments& arguments);
HypercallResult physdev_op_compat(Vcpu& caller, const HypercallArguments& arguments);
// grant_table_op.cpp
HypercallResult grant_table_op(Vcpu& caller, const HypercallArguments& arguments);
// version.cpp
HypercallResult xen_version(Vcpu& caller, const HypercallArguments& arguments);
// vm_assist.cpp
HypercallResult vm_assist(Vcpu& caller, const HypercallArguments& arguments);
// privileged.cpp
HypercallResult console_io(Vcpu& caller, const HypercallArguments& arguments);
HypercallResult platform_op(Vcpu& caller, const HypercallArguments& arguments);
HypercallResult domctl(Vcpu& caller, const HypercallArguments& arguments);
HypercallResult sysctl(Vcpu& caller, const HypercallArguments& arguments);
HypercallResult hvm_op(Vcpu& caller, const HypercallArguments& arguments);
HypercallResult dm_op(Vcpu& caller, const HypercallArguments& arguments);
HypercallResult xenpmu_op(Vcpu& caller, const HypercallArguments& arguments);
HypercallResult not_permitted(Vcpu& caller, const HypercallArguments& arguments);

}  // namespace ring3::hypercalls
