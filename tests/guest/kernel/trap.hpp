// SPDX-License-Identifier: MIT
// Traps of the test guest: each is recorded; a fault inside of run_guarded() ends it.
#pragma once

#include <cstdint>

namespace guest {

struct TrapFrame {
    std::uint64_t r15, r14, r13, r12, r11, r10, r9, r8, rdi, rsi, rbp, rbx, rdx, rcx, rax;
    std::uint64_t vector, error_code;
    std::uint64_t rip, cs, rflags, rsp, ss;
};

enum Vector : std::uint64_t {
    divide = 0,
    debug = 1,
    breakpoint = 3,
    device_not_available = 7,
    page_fault = 14,
    int80 = 0x80,
    int81 = 0x81,
    syscall = 0x100,
    event = 0x101,
    failsafe = 0x102,
};

struct TrapRecord {
    TrapFrame frame;
    std::uint64_t cr2;
    /// evtchn_upcall_mask as the handler found it.
    unsigned upcall_mask;
    /// Where the frame stands.
    std::uint64_t address;
};

/// Installs trap table, callbacks and the stack for traps from user mode.
void start_traps();
/// Installs the trap table alone, with these flags (TI_GET_DPL, TI_GET_IF) in addition for int
/// 0x80.
void install_traps(unsigned flags_int80);

/// Forgets what was recorded.
void clear_traps();
unsigned trap_count();
/// The nth recorded trap; all zero when there were not so many.
const TrapRecord& trap(unsigned n = 0);

/// Called for each trap, after it was recorded and before it is decided how to go on: may change
/// the frame. Null for none.
using TrapHook = void (*)(TrapFrame&);
void set_trap_hook(TrapHook hook);

extern "C" int run_guarded(void (*function)(void*), void* argument);
inline int run_guarded(void (*function)()) {
    return run_guarded([](void* f) { reinterpret_cast<void (*)()>(f)(); },
                       reinterpret_cast<void*>(function));
}

/// Runs `function` and prints the trap that it ran into: vector, error code, cs, rflags without the
/// arithmetic flags, rip as an offset from the function's start. For functions in assembly: what a
/// compiler makes has other offsets tomorrow, and is for report_trap_somewhere(), which leaves rip
/// out.
void report_trap(const char* name, void (*function)());
void report_trap_somewhere(const char* name, void (*function)());
/// `code_start` 0: without rip.
void report_recorded(const char* name, std::uint64_t code_start, unsigned n = 0);

}  // namespace guest
