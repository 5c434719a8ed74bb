// SPDX-License-Identifier: MIT
// The handler of each hypercall, by Xen's name for it. One file of this folder per group.
#pragma once

#include "hv/domain/hypercalls/hypercall.hpp"

namespace ring3::hypercalls {

// mmu.cpp
HypercallResult mmu_update(Vcpu&, const HypercallArguments&);
HypercallResult mmuext_op(Vcpu&, const HypercallArguments&);
HypercallResult update_va_mapping(Vcpu&, const HypercallArguments&);
HypercallResult update_va_mapping_otherdomain(Vcpu&, const HypercallArguments&);
// descriptors.cpp
HypercallResult set_gdt(Vcpu&, const HypercallArguments&);
HypercallResult update_descriptor(Vcpu&, const HypercallArguments&);
HypercallResult set_segment_base(Vcpu&, const HypercallArguments&);
// traps.cpp
HypercallResult set_trap_table(Vcpu&, const HypercallArguments&);
HypercallResult stack_switch(Vcpu&, const HypercallArguments&);
HypercallResult fpu_taskswitch(Vcpu&, const HypercallArguments&);
HypercallResult set_debugreg(Vcpu&, const HypercallArguments&);
HypercallResult get_debugreg(Vcpu&, const HypercallArguments&);
HypercallResult iret(Vcpu&, const HypercallArguments&);
// callbacks.cpp
HypercallResult set_callbacks(Vcpu&, const HypercallArguments&);
HypercallResult callback_op(Vcpu&, const HypercallArguments&);
HypercallResult nmi_op(Vcpu&, const HypercallArguments&);
// memory_op.cpp
HypercallResult memory_op(Vcpu&, const HypercallArguments&);
// multicall.cpp
HypercallResult multicall(Vcpu&, const HypercallArguments&);
// timer.cpp
HypercallResult set_timer_op(Vcpu&, const HypercallArguments&);
// sched_op.cpp
HypercallResult sched_op(Vcpu&, const HypercallArguments&);
HypercallResult sched_op_compat(Vcpu&, const HypercallArguments&);
// vcpu_op.cpp
HypercallResult vcpu_op(Vcpu&, const HypercallArguments&);
// event_channel_op.cpp
HypercallResult event_channel_op(Vcpu&, const HypercallArguments&);
HypercallResult event_channel_op_compat(Vcpu&, const HypercallArguments&);
// physdev_op.cpp
HypercallResult physdev_op(Vcpu&, const HypercallArguments&);
HypercallResult physdev_op_compat(Vcpu&, const HypercallArguments&);
// grant_table_op.cpp
HypercallResult grant_table_op(Vcpu&, const HypercallArguments&);
// version.cpp
HypercallResult xen_version(Vcpu&, const HypercallArguments&);
// vm_assist.cpp
HypercallResult vm_assist(Vcpu&, const HypercallArguments&);
// privileged.cpp
HypercallResult console_io(Vcpu&, const HypercallArguments&);
HypercallResult platform_op(Vcpu&, const HypercallArguments&);
HypercallResult domctl(Vcpu&, const HypercallArguments&);
HypercallResult sysctl(Vcpu&, const HypercallArguments&);
HypercallResult hvm_op(Vcpu&, const HypercallArguments&);
HypercallResult dm_op(Vcpu&, const HypercallArguments&);
HypercallResult xenpmu_op(Vcpu&, const HypercallArguments&);
HypercallResult not_permitted(Vcpu&, const HypercallArguments&);

}  // namespace ring3::hypercalls
