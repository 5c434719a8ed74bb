// SPDX-License-Identifier: MIT
// The FPU and TS: device-not-available when TS is set, and who clears it.
#include "tests/guest/groups/groups.hpp"
#include "tests/guest/kernel/console.hpp"
#include "tests/guest/kernel/hypercall.hpp"
#include "tests/guest/kernel/trap.hpp"

namespace guest {
namespace {

std::uint64_t read_cr0() {
    std::uint64_t value;
    asm volatile("mov %%cr0, %0" : "=r"(value));
    return value;
}
std::uint64_t read_cr4() {
    std::uint64_t value;
    asm volatile("mov %%cr4, %0" : "=r"(value));
    return value;
}
long set_ts(unsigned value) { return hypercall(__HYPERVISOR_fpu_taskswitch, value); }

void use_sse() { asm volatile("xorps %%xmm0, %%xmm0" ::: "memory"); }
void use_x87() { asm volatile("fnop" ::: "memory"); }
void use_fwait() { asm volatile("fwait" ::: "memory"); }
void clear_ts() { asm volatile("clts"); }
void raise_x87() {
    const unsigned short control = 0x033f & ~4;  // zero divide unmasked
    asm volatile("fninit; fldcw %0; fld1; fldz; fdivrp; fwait; fninit" ::"m"(control));
}
void raise_sse() {
    const unsigned control = 0x1f80 & ~0x200u;  // zero divide unmasked
    const float one = 1, zero = 0;
    asm volatile("ldmxcsr %0; movss %1, %%xmm0; divss %2, %%xmm0" ::"m"(control), "m"(one),
                 "m"(zero));
}

}  // namespace

void check_fpu() {
    report_hex("cr0.initial", read_cr0());
    report_hex("cr4.initial", read_cr4() & 0x620);
    report("set_ts", set_ts(1));
    report_hex("cr0.with_ts", read_cr0());
    report_trap_somewhere("sse.with_ts", use_sse);
    report_hex("cr0.after_trap", read_cr0());
    report_trap_somewhere("sse.after_trap", use_sse);
    set_ts(1);
    report_trap_somewhere("x87.with_ts", use_x87);
    set_ts(1);
    report_trap_somewhere("fwait.with_ts", use_fwait);
    set_ts(1);
    report_trap_somewhere("clts", clear_ts);
    report_hex("cr0.after_clts", read_cr0());
    report_trap_somewhere("cr0.set_ts",
                          [] { asm volatile("mov %0, %%cr0" ::"r"(read_cr0() | 8)); });
    report_hex("cr0.ts_by_move", read_cr0());
    report("clear_ts", set_ts(0));
    report_hex("cr0.after_clear", read_cr0());
    report_trap_somewhere("cr0.other_bit",
                          [] { asm volatile("mov %0, %%cr0" ::"r"(read_cr0() ^ 4)); });
    report_trap_somewhere("cr4.same", [] { asm volatile("mov %0, %%cr4" ::"r"(read_cr4())); });
    report_trap_somewhere("cr4.reserved_bit",
                          [] { asm volatile("mov %0, %%cr4" ::"r"(read_cr4() | 1ull << 40)); });
    report_trap_somewhere("x87.zero_divide", raise_x87);
    asm volatile("fninit");
    report_trap_somewhere("sse.zero_divide", raise_sse);
    unsigned mxcsr = 0;
    asm volatile("stmxcsr %0" : "=m"(mxcsr));
    report_hex("mxcsr.after_trap", mxcsr);
    mxcsr = 0x1f80;
    asm volatile("ldmxcsr %0" ::"m"(mxcsr));
    report_trap_somewhere("mxcsr.reserved_bit", [] {
        const unsigned value = 0x10000;
        asm volatile("ldmxcsr %0" ::"m"(value));
    });
}

}  // namespace guest
