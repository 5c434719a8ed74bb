// SPDX-License-Identifier: MIT
// What becomes of a vCPU when the engine hands it back: exceptions go to the guest kernel's
// handlers, software interrupts pass the gate's privilege first, SYSCALL is a system call or a
// hypercall.
#include <utility>

#include <fmt/format.h>

#include "hv/abi/xen.hpp"
#include "hv/domain/domain.hpp"
#include "hv/domain/guest_entry.hpp"
#include "hv/domain/guest_environment.hpp"
#include "hv/domain/hypercalls/hypercall.hpp"

namespace ring3 {

namespace {

namespace vector {
constexpr std::uint8_t debug = 1, breakpoint = 3, device_not_available = 7, general_protection = 13,
                       page_fault = 14;
}

void deliver_exception(Vcpu& vcpu, const Exit& exit) {
    vcpu.domain().trace().note(trace::Event::exception, vcpu.domain().id(), vcpu.id(), exit.vector,
                               exit.has_error_code ? exit.error_code : 0,
                               exit.vector == vector::page_fault ? exit.address : vcpu.cpu.rip);
    if (exit.vector == vector::page_fault) vcpu.info().set_cr2(exit.address);
    // Xen hands the FPU back with the first #NM: the guest need not clear TS itself.
    if (exit.vector == vector::device_not_available) vcpu.cpu.cr0 &= ~cr0::ts;
    enter_trap(vcpu, exit.vector,
               exit.has_error_code ? std::optional{exit.error_code} : std::nullopt);
}

/// INT n asks for a gate that this mode may use: 3 for user mode, at least 1 for the kernel; INT3
/// needs none. Otherwise #GP at the instruction, with the IDT bit in its error code.
void deliver_interrupt(Vcpu& vcpu, const Exit& exit) {
    vcpu.domain().trace().note(trace::Event::interrupt, vcpu.domain().id(), vcpu.id(), exit.vector);
    const bool is_int3 = exit.vector == vector::breakpoint && exit.length == 1;
    const unsigned needed = vcpu.cpu.kernel_mode ? 1 : 3;
    if (is_int3 || vcpu.traps[exit.vector].privilege >= needed) {
        enter_trap(vcpu, exit.vector, std::nullopt);
        return;
    }
    constexpr std::uint32_t idt_bit = 2;
    vcpu.cpu.rip -= exit.length;
    --vcpu.cpu.retired;
    enter_trap(vcpu, vector::general_protection, exit.vector * 8u + idt_bit);
}

/// Xen returns from a hypercall by SYSRET, and that traps at once where IRET, setting TF, lets one
/// more instruction run.
void trap_if_single_stepped(Vcpu& vcpu) {
    constexpr std::uint64_t dr6_single_step = 1u << 14;
    if ((vcpu.cpu.rflags & rflags::tf) == 0) return;
    vcpu.cpu.dr[6] |= dr6_single_step;
    ++vcpu.domain().exception_count[vector::debug];
    enter_trap(vcpu, vector::debug, std::nullopt);
}

}  // namespace

Environment::Taken GuestEnvironment::take(CpuState& cpu, const Exit& exit) {
    const bool is_hypercall = exit.reason == Exit::Reason::syscall && cpu.kernel_mode;
    if (is_hypercall && !is_local_hypercall(cpu.reg(Gpr::rax))) return Taken::no;
    if (exit.reason == Exit::Reason::not_built || exit.reason == Exit::Reason::budget_spent)
        return Taken::no;
    vcpu_.take_was_charged();
    if (vcpu_.domain().handle_exit(vcpu_, exit) != Domain::Next::run) return Taken::ended;
    vcpu_.prepare_to_run();
    // The run's budget was reckoned without what this took.
    if (vcpu_.take_was_charged()) return Taken::ended;
    return vcpu_.is_runnable() ? Taken::on : Taken::ended;
}

Domain::Next Domain::handle_exit(Vcpu& vcpu, const Exit& exit) {
    switch (exit.reason) {
        case Exit::Reason::budget_spent:
            break;
        case Exit::Reason::syscall:
            if (vcpu.cpu.kernel_mode) {
                if (vcpu.cpu.reg(Gpr::rax) != __HYPERVISOR_iret) vcpu.charge(Cost::hypercall);
                if (do_hypercall(vcpu) && !shutdown_reason_) trap_if_single_stepped(vcpu);
            } else {
                vcpu.charge(Cost::system_call);
                enter_syscall(vcpu, exit.length);
            }
            break;
        case Exit::Reason::exception:
            vcpu.charge(Cost::exception);
            if (exit.vector < exception_count.size()) ++exception_count[exit.vector];
            deliver_exception(vcpu, exit);
            break;
        case Exit::Reason::interrupt:
            vcpu.charge(Cost::exception);
            deliver_interrupt(vcpu, exit);
            break;
        case Exit::Reason::not_built:
            crash(vcpu, fmt::format("this instruction is not built: {}", exit.text));
            break;
    }
    if (shutdown_reason_) return Next::stop;
    if (std::exchange(vcpu.has_yielded, false)) return Next::yield;
    return vcpu.is_runnable() ? Next::run : Next::block;
}

}  // namespace ring3
