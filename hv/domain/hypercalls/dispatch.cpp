// SPDX-License-Identifier: MIT
// Hypercalls by number. Numbers without a row do not exist in Xen 4.17 as Debian builds it, or are
// only for guests of another kind: -ENOSYS.
#include <array>

#include "hv/abi/errors.hpp"
#include "hv/abi/xen.hpp"
#include "hv/domain/domain.hpp"
#include "hv/domain/hypercalls/handlers.hpp"
#include "hv/domain/hypercalls/hypercall.hpp"

namespace ring3 {

namespace {

constexpr auto table = [] {
    std::array<Hypercall, 64> by_number{};
    using namespace hypercalls;
    by_number[__HYPERVISOR_set_trap_table] = set_trap_table;
    by_number[__HYPERVISOR_mmu_update] = mmu_update;
    by_number[__HYPERVISOR_set_gdt] = set_gdt;
    by_number[__HYPERVISOR_stack_switch] = stack_switch;
    by_number[__HYPERVISOR_set_callbacks] = set_callbacks;
    by_number[__HYPERVISOR_fpu_taskswitch] = fpu_taskswitch;
    by_number[__HYPERVISOR_sched_op_compat] = sched_op_compat;
    by_number[__HYPERVISOR_platform_op] = platform_op;
    by_number[__HYPERVISOR_set_debugreg] = set_debugreg;
    by_number[__HYPERVISOR_get_debugreg] = get_debugreg;
    by_number[__HYPERVISOR_update_descriptor] = update_descriptor;
    by_number[__HYPERVISOR_memory_op] = memory_op;
    by_number[__HYPERVISOR_multicall] = multicall;
    by_number[__HYPERVISOR_update_va_mapping] = update_va_mapping;
    by_number[__HYPERVISOR_set_timer_op] = set_timer_op;
    by_number[__HYPERVISOR_event_channel_op_compat] = event_channel_op_compat;
    by_number[__HYPERVISOR_xen_version] = xen_version;
    by_number[__HYPERVISOR_console_io] = console_io;
    by_number[__HYPERVISOR_physdev_op_compat] = physdev_op_compat;
    by_number[__HYPERVISOR_grant_table_op] = grant_table_op;
    by_number[__HYPERVISOR_vm_assist] = vm_assist;
    by_number[__HYPERVISOR_update_va_mapping_otherdomain] = update_va_mapping_otherdomain;
    by_number[__HYPERVISOR_iret] = iret;
    by_number[__HYPERVISOR_vcpu_op] = vcpu_op;
    by_number[__HYPERVISOR_set_segment_base] = set_segment_base;
    by_number[__HYPERVISOR_mmuext_op] = mmuext_op;
    by_number[__HYPERVISOR_nmi_op] = nmi_op;
    by_number[__HYPERVISOR_sched_op] = sched_op;
    by_number[__HYPERVISOR_callback_op] = callback_op;
    by_number[__HYPERVISOR_xenoprof_op] = not_permitted;
    by_number[__HYPERVISOR_event_channel_op] = event_channel_op;
    by_number[__HYPERVISOR_physdev_op] = physdev_op;
    by_number[__HYPERVISOR_hvm_op] = hvm_op;
    by_number[__HYPERVISOR_sysctl] = sysctl;
    by_number[__HYPERVISOR_domctl] = domctl;
    by_number[__HYPERVISOR_kexec_op] = not_permitted;
    by_number[__HYPERVISOR_xenpmu_op] = xenpmu_op;
    by_number[__HYPERVISOR_dm_op] = dm_op;
    by_number[__HYPERVISOR_hypfs_op] = not_permitted;
    by_number[__HYPERVISOR_arch_0] = not_permitted;  // machine checks
    by_number[__HYPERVISOR_arch_1] = not_permitted;  // shadow paging
    return by_number;
}();

constexpr std::array argument_registers{Gpr::rdi, Gpr::rsi, Gpr::rdx, Gpr::r10, Gpr::r8, Gpr::r9};

}  // namespace

Hypercall find_hypercall(std::uint64_t number) {
    return number < table.size() ? table[number] : nullptr;
}

bool is_local_hypercall(std::uint64_t number) {
    switch (number) {
        case __HYPERVISOR_iret:
        case __HYPERVISOR_mmu_update:
        case __HYPERVISOR_update_va_mapping:
        case __HYPERVISOR_mmuext_op:
        case __HYPERVISOR_stack_switch:
        case __HYPERVISOR_set_segment_base:
        case __HYPERVISOR_fpu_taskswitch:
        case __HYPERVISOR_update_descriptor:
            return true;
        default:
            return false;
    }
}

void note_hypercall(Vcpu& vcpu, trace::Event event, std::uint64_t number,
                    const HypercallResult& result, std::uint64_t first_argument) {
    trace::Recorder& trace = vcpu.domain().trace();
    if (!trace.wants(trace::Class::hypercall)) return;
    if (result.kind == HypercallResult::Kind::again) event = trace::Event::hypercall_preempted;
    trace.note(event, vcpu.domain().id(), vcpu.id(), number,
               static_cast<std::uint64_t>(result.value), first_argument);
}

bool do_hypercall(Vcpu& vcpu) {
    CpuState& cpu = vcpu.cpu;
    const std::uint64_t number = cpu.reg(Gpr::rax);
    const Hypercall handler = find_hypercall(number);
    if (handler == nullptr) {
        cpu.reg(Gpr::rax) = static_cast<std::uint64_t>(std::int64_t{-XEN_ENOSYS});
        return true;
    }
    ++vcpu.domain().hypercall_count[number];
    HypercallArguments arguments;
    for (std::size_t i = 0; i < arguments.size(); ++i) {
        arguments[i] = cpu.reg(argument_registers[i]);
    }
    const HypercallResult result = handler(vcpu, arguments);
    note_hypercall(vcpu, trace::Event::hypercall, number, result, arguments[0]);
    switch (result.kind) {
        case HypercallResult::Kind::value:
            cpu.reg(Gpr::rax) = static_cast<std::uint64_t>(result.value);
            break;
        case HypercallResult::Kind::state_replaced:
            return false;
        case HypercallResult::Kind::again: {
            constexpr std::uint64_t syscall_length = 2;
            cpu.rip -= syscall_length;
            for (std::size_t i = 0; i < arguments.size(); ++i) {
                cpu.reg(argument_registers[i]) = result.arguments[i];
            }
            break;
        }
    }
    return true;
}

}  // namespace ring3
