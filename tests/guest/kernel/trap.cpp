// SPDX-License-Identifier: MIT
#include "tests/guest/kernel/trap.hpp"

#include "hv/abi/callback.hpp"
#include "hv/abi/sched.hpp"
#include "tests/guest/kernel/console.hpp"
#include "tests/guest/kernel/domain.hpp"
#include "tests/guest/kernel/hypercall.hpp"

extern "C" {
extern const std::uint64_t trap_stubs[32];
extern const char trap_int80[], trap_int81[], trap_syscall[], trap_event[], trap_failsafe[];
extern const char guard_landing[], trap_stack_end[];
extern std::uint64_t guard_rsp;
void handle_trap(guest::TrapFrame* frame);
}

namespace guest {
namespace {

constexpr unsigned capacity = 64;
TrapRecord records[capacity];
unsigned recorded = 0;
const TrapRecord no_record{};
TrapHook trap_hook = nullptr;

constexpr std::uint64_t arithmetic_flags = 0x8d5;

// Traps whose saved RIP is behind the instruction: the guest goes on.
bool goes_on(std::uint64_t vector) {
    return vector == debug || vector == breakpoint || vector == int80 || vector == int81 ||
           vector == event;
}

[[noreturn]] void die(const TrapFrame& frame) {
    set_group("guest");
    Line("unexpected_trap").hex(frame.vector).hex(frame.error_code);
    // For people: these differ from one compiler to the next.
    Line("unexpected_trap_at").hex(frame.rip).hex(frame.rsp).hex(this_vcpu().arch.cr2);
    shut_down(SHUTDOWN_crash);
}

void add_trap(trap_info*& entry, unsigned vector, unsigned flags, std::uint64_t address) {
    entry->vector = static_cast<std::uint8_t>(vector);
    entry->flags = static_cast<std::uint8_t>(flags);
    entry->cs = FLAT_KERNEL_CS;
    entry->address = address;
    ++entry;
}

void register_callback(unsigned type, const char* address, unsigned flags) {
    callback_register callback{};
    callback.type = static_cast<std::uint16_t>(type);
    callback.flags = static_cast<std::uint16_t>(flags);
    callback.address = argument(address);
    hypercall(__HYPERVISOR_callback_op, CALLBACKOP_register, &callback);
}

}  // namespace

void install_traps(unsigned flags_int80) {
    static trap_info table[40];
    trap_info* entry = table;
    for (unsigned vector = 0; vector < 32; ++vector) {
        // INT3 and INTO are for user mode, too.
        const bool for_user = vector == breakpoint || vector == 4;
        if (vector != 2 && vector != 15)
            add_trap(entry, vector, for_user ? 3 : 0, trap_stubs[vector]);
    }
    add_trap(entry, int80, flags_int80, argument(trap_int80));
    add_trap(entry, int81, 0, argument(trap_int81));
    *entry = trap_info{};
    hypercall(__HYPERVISOR_set_trap_table, table);
}

void start_traps() {
    install_traps(3);
    register_callback(CALLBACKTYPE_event, trap_event, 0);
    register_callback(CALLBACKTYPE_failsafe, trap_failsafe, CALLBACKF_mask_events);
    register_callback(CALLBACKTYPE_syscall, trap_syscall, 0);
    hypercall(__HYPERVISOR_stack_switch, FLAT_KERNEL_SS, trap_stack_end);
}

void clear_traps() { recorded = 0; }
unsigned trap_count() { return recorded; }
const TrapRecord& trap(unsigned n) { return n < recorded && n < capacity ? records[n] : no_record; }
void set_trap_hook(TrapHook hook) { trap_hook = hook; }

void report_recorded(const char* name, std::uint64_t code_start, unsigned n) {
    if (n >= recorded) {
        Line(name).text(" no trap");
        return;
    }
    const TrapFrame& frame = trap(n).frame;
    Line line(name);
    line.text(" vector")
        .number(static_cast<long>(frame.vector))
        .text(" error")
        .hex(frame.error_code);
    line.text(" cs").hex(frame.cs).text(" rflags").hex(frame.rflags & ~arithmetic_flags);
    if (code_start == 0) return;
    const std::uint64_t offset = frame.rip - code_start;
    if (offset < 4096) {
        line.text(" rip +").hex(offset);
    } else {
        line.text(" rip elsewhere");
    }
}

void report_trap(const char* name, void (*function)()) {
    clear_traps();
    run_guarded(function);
    report_recorded(name, reinterpret_cast<std::uint64_t>(function));
}

void report_trap_somewhere(const char* name, void (*function)()) {
    clear_traps();
    run_guarded(function);
    report_recorded(name, 0);
}

}  // namespace guest

void handle_trap(guest::TrapFrame* frame) {
    using namespace guest;
    if (recorded < capacity) {
        records[recorded] = {*frame, this_vcpu().arch.cr2, this_vcpu().evtchn_upcall_mask,
                             reinterpret_cast<std::uint64_t>(frame)};
    }
    ++recorded;
    // Else the next return to the guest would bring the same upcall again.
    if (frame->vector == event) this_vcpu().evtchn_upcall_pending = 0;
    const std::uint64_t rip = frame->rip;
    if (trap_hook != nullptr) trap_hook(*frame);
    const bool from_user = (frame->cs & 3) == 3;
    if (frame->rip != rip) return;  // the hook chose where to go on
    if (goes_on(frame->vector) && !from_user) return;
    if (guard_rsp == 0) die(*frame);
    frame->rip = argument(guard_landing);
    frame->rsp = guard_rsp;
    frame->cs = FLAT_KERNEL_CS & ~3u;  // RPL 0 is guest kernel mode
    frame->ss = FLAT_KERNEL_SS;
    frame->rflags = 0x2 | (frame->rflags & 0x200);
}
