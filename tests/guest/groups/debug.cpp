// SPDX-License-Identifier: MIT
// Single-stepping, debug registers and hardware breakpoints in kernel mode.
#include "tests/guest/groups/groups.hpp"
#include "tests/guest/kernel/console.hpp"
#include "tests/guest/kernel/hypercall.hpp"
#include "tests/guest/kernel/trap.hpp"

extern "C" {
void step_code();
void step_string();
void break_code();
extern const char break_here[];
extern unsigned watched[];
}

namespace guest {
namespace {

long set_debugreg(unsigned n, std::uint64_t value) {
    return hypercall(__HYPERVISOR_set_debugreg, n, value);
}
std::uint64_t debugreg(unsigned n) {
    return static_cast<std::uint64_t>(hypercall(__HYPERVISOR_get_debugreg, n));
}

void report_steps(const char* name, void (*code)()) {
    clear_traps();
    code();
    Line line(name);
    line.text(" traps").number(trap_count()).text(" rip");
    for (unsigned i = 0; i < trap_count(); ++i) {
        line.hex(trap(i).frame.rip - reinterpret_cast<std::uint64_t>(code));
    }
}

void check_registers() {
    for (unsigned n = 0; n < 8; ++n) {
        if (n == 4 || n == 5) continue;
        Line("dr.initial").number(n).hex(debugreg(n));
    }
    report("dr.set_0", set_debugreg(0, 0xffff'ffff'8010'0000));
    report_hex("dr.reads_0", debugreg(0));
    report("dr.set_0_not_canonical", set_debugreg(0, not_canonical));
    report("dr.set_0_inside_xen", set_debugreg(0, inside_xen));
    report("dr.set_0_user", set_debugreg(0, 0x40'0000));
    report("dr.set_4", set_debugreg(4, 0));
    report_hex("dr.get_4", debugreg(4));
    report("dr.set_5", set_debugreg(5, 0));
    report("dr.set_6", set_debugreg(6, 0xffff'ffff));
    report_hex("dr.reads_6", debugreg(6));
    report("dr.set_6_high_half", set_debugreg(6, 0x1'0000'0000));
    report("dr.set_7_high_half", set_debugreg(7, 0x1'0000'0000));
    report("dr.set_7_general_detect", set_debugreg(7, 0x2000));
    report_hex("dr.reads_7", debugreg(7));
    report("dr.set_7_io_breakpoint", set_debugreg(7, 0x2'0003));
    report_hex("dr.reads_7_io", debugreg(7));
    report("dr.set_7_none", set_debugreg(7, 0));
    report_hex("dr.reads_7_none", debugreg(7));
    set_debugreg(6, 0);
    set_debugreg(0, 0);
}

void check_moves() {
    report_trap_somewhere("mov.from_dr0", [] {
        std::uint64_t value;
        asm volatile("mov %%dr0, %0" : "=r"(value));
    });
    report_trap_somewhere("mov.from_dr7", [] {
        std::uint64_t value;
        asm volatile("mov %%dr7, %0" : "=r"(value));
    });
    report_trap_somewhere("mov.to_dr0",
                          [] { asm volatile("mov %0, %%dr0" ::"r"(std::uint64_t{0x1000})); });
    report_hex("mov.dr0_holds", debugreg(0));
    report_trap_somewhere("mov.to_dr0_not_canonical",
                          [] { asm volatile("mov %0, %%dr0" ::"r"(not_canonical)); });
    report_trap_somewhere("mov.from_dr4", [] {
        std::uint64_t value;
        asm volatile("mov %%dr4, %0" : "=r"(value));
    });
    set_debugreg(0, 0);
}

std::uint64_t dr6_in_handler = 0;

void check_steps() {
    set_trap_hook([](TrapFrame& frame) {
        if (frame.vector == debug) dr6_in_handler = debugreg(6);
    });
    report_steps("step.code", step_code);
    report_hex("step.rflags", trap().frame.rflags & 0x3f7300);
    report_hex("step.dr6", dr6_in_handler);
    report_steps("step.string", step_string);
    set_trap_hook(nullptr);
}

void report_breakpoint(const char* name, std::uint64_t address, std::uint64_t control) {
    set_debugreg(6, 0);
    set_debugreg(0, address);
    set_debugreg(7, control);
    clear_traps();
    break_code();
    set_debugreg(7, 0);
    Line line(name);
    line.text(" traps").number(trap_count()).text(" rip");
    for (unsigned i = 0; i < trap_count(); ++i) {
        line.hex(trap(i).frame.rip - reinterpret_cast<std::uint64_t>(break_code));
    }
    line.text(" dr6").hex(dr6_in_handler);
}

void check_breakpoints() {
    // An execution breakpoint is a fault: RF lets the instruction run on return.
    set_trap_hook([](TrapFrame& frame) {
        dr6_in_handler = debugreg(6);
        if (frame.rip == reinterpret_cast<std::uint64_t>(break_here)) frame.rflags |= 0x10000;
    });
    report_breakpoint("break.execute", reinterpret_cast<std::uint64_t>(break_here), 0x3);
    report_hex("break.rflags", trap().frame.rflags & 0x3f7300);
    dr6_in_handler = 0;
    report_breakpoint("break.write_4", reinterpret_cast<std::uint64_t>(watched), 0xd'0003);
    dr6_in_handler = 0;
    report_breakpoint("break.access_4", reinterpret_cast<std::uint64_t>(watched), 0xf'0003);
    dr6_in_handler = 0;
    report_breakpoint("break.write_1_beside", reinterpret_cast<std::uint64_t>(watched) + 4,
                      0x1'0003);
    dr6_in_handler = 0;
    report_breakpoint("break.disabled", reinterpret_cast<std::uint64_t>(watched), 0xd'0000);
    set_debugreg(0, 0);
    set_debugreg(6, 0);
    set_trap_hook(nullptr);
}

}  // namespace

void check_debug() {
    check_registers();
    check_moves();
    check_steps();
    check_breakpoints();
}

}  // namespace guest
