// SPDX-License-Identifier: MIT
// What each trapping instruction gives in kernel mode: vector, error code, and the frame's fields.
#include "hv/abi/physdev.hpp"
#include "tests/guest/groups/groups.hpp"
#include "tests/guest/groups/probes.hpp"
#include "tests/guest/kernel/console.hpp"
#include "tests/guest/kernel/domain.hpp"
#include "tests/guest/kernel/hypercall.hpp"
#include "tests/guest/kernel/pages.hpp"
#include "tests/guest/kernel/trap.hpp"

namespace guest {
namespace {

void set_iopl(unsigned level) {
    physdev_set_iopl iopl{level};
    hypercall(__HYPERVISOR_physdev_op, PHYSDEVOP_set_iopl, &iopl);
}

void check_probes() {
    struct Probe {
        const char* name;
        void (*function)();
    };
#define X(name) {#name, probe_##name},
    static const Probe probes[] = {GUEST_PROBES(X)};
#undef X
    for (const Probe& probe : probes) report_trap(probe.name, probe.function);
}

void check_frame() {
    clear_traps();
    run_guarded(probe_breakpoint);
    const TrapRecord& record = trap();
    report_hex("frame.ss", record.frame.ss);
    // The frame begins on a 16-byte border: rcx, r11, rip...; ours stands below it.
    report_hex("frame.address_mod_16", (record.address + offsetof(TrapFrame, rip) - 16) & 15);
    report_hex("frame.upcall_mask", record.upcall_mask);

    this_vcpu().evtchn_upcall_mask = 0;
    clear_traps();
    run_guarded(probe_breakpoint);
    report_hex("frame.cs_unmasked", trap().frame.cs);
    report_hex("frame.rflags_unmasked", trap().frame.rflags & 0x200);
    report_hex("frame.upcall_mask_unmasked", trap().upcall_mask);
    report_hex("frame.upcall_mask_after", this_vcpu().evtchn_upcall_mask);
    install_traps(3 | 4);
    clear_traps();
    run_guarded(probe_int_0x80);
    report_hex("frame.cs_masking_gate", trap().frame.cs);
    report_hex("frame.upcall_mask_masking_gate", trap().upcall_mask);
    report_hex("frame.upcall_mask_after_masking_gate", this_vcpu().evtchn_upcall_mask);
    this_vcpu().evtchn_upcall_mask = 1;
    install_traps(3);
}

void check_cr2() {
    clear_traps();
    run_guarded(probe_read_unmapped);
    report_hex("cr2.read", trap().cr2);
    clear_traps();
    run_guarded(probe_jump_unmapped);
    report_hex("cr2.jump", trap().cr2);
    report_hex("cr2.jump_rip", trap().frame.rip);
}

void check_rights() {
    static volatile unsigned char* page = static_cast<unsigned char*>(take_page());
    page[0] = 0xc3;  // ret
    make_read_only(page);
    report_trap_somewhere("page.write_read_only", [] { page[1] = 1; });
    report_trap_somewhere("page.execute", [] { reinterpret_cast<void (*)()>(argument(page))(); });
    map(argument(page), entry_for(page, entry::read_write | entry::no_execute));
    report_trap_somewhere("page.execute_nx",
                          [] { reinterpret_cast<void (*)()>(argument(page))(); });
    map(argument(page), 0);
    report_trap_somewhere("page.read_absent", [] { (void)page[1]; });
    make_writable(page);
}

void check_iopl() {
    set_iopl(1);
    report_trap("iopl1.clear_interrupts", probe_clear_interrupts);
    report_trap("iopl1.set_interrupts", probe_set_interrupts);
    report_trap("iopl1.halt", probe_halt);
    report_hex("iopl1.upcall_mask", this_vcpu().evtchn_upcall_mask);
    std::uint64_t flags = 0;
    asm volatile("pushfq; cli; pushfq; pop %0; popfq" : "=r"(flags));
    report_hex("iopl1.flags_after_cli", flags & 0x3200);
    set_iopl(0);
}

void check_flags() {
    std::uint64_t flags = 0;
    asm volatile("pushfq; pop %0" : "=r"(flags));
    report_hex("flags.system", flags & 0x3f7200);
    asm volatile("pushq $0x3202; popfq; pushfq; pop %0" : "=r"(flags));
    report_hex("flags.iopl_and_if_set", flags & 0x3f7200);
    asm volatile("pushq $0x2; popfq; pushfq; pop %0" : "=r"(flags));
    report_hex("flags.if_cleared", flags & 0x3f7200);
    asm volatile("pushq $0x244202; popfq; pushfq; pop %0; pushq $0x202; popfq" : "=r"(flags));
    report_hex("flags.id_ac_nt", flags & 0x3f7200);
}

void check_no_handler() {
    trap_info entry{static_cast<std::uint8_t>(int80), 3, 0, 0};
    trap_info table[2] = {entry, {}};
    report("table.selector_is_replaced", hypercall(__HYPERVISOR_set_trap_table, table));
    table[0] = {static_cast<std::uint8_t>(int80), 3, FLAT_KERNEL_CS, not_canonical};
    report("table.address_not_canonical", hypercall(__HYPERVISOR_set_trap_table, table));
    install_traps(3);
}

}  // namespace

void check_traps() {
    check_probes();
    check_frame();
    check_cr2();
    check_rights();
    check_iopl();
    check_flags();
    check_no_handler();
}

}  // namespace guest
