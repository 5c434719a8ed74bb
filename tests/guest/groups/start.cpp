// SPDX-License-Identifier: MIT
// The state in which a guest starts.
#include "tests/guest/groups/groups.hpp"
#include "tests/guest/kernel/console.hpp"
#include "tests/guest/kernel/domain.hpp"
#include "tests/guest/kernel/pages.hpp"

extern "C" const std::uint64_t entry_registers[17];

namespace guest {

void check_start() {
    enum { rsp = 4, rsi = 6, rflags = 16 };
    static const char* const names[16] = {"rax",   "rcx", "rdx", "rbx", nullptr, "rbp",
                                          nullptr, "rdi", "r8",  "r9",  "r10",   "r11",
                                          "r12",   "r13", "r14", "r15"};
    for (unsigned i = 0; i < 16; ++i) {
        if (names[i] != nullptr) report_hex(names[i], entry_registers[i]);
    }
    report_hex("rflags", entry_registers[rflags]);
    report_bool("rsi_is_start_info",
                entry_registers[rsi] == reinterpret_cast<std::uint64_t>(start()));
    report_hex("rsp_in_page", entry_registers[rsp] & 4095);

    std::uint16_t cs, ss, ds, es, fs, gs;
    asm volatile("mov %%cs, %0" : "=r"(cs));
    asm volatile("mov %%ss, %0" : "=r"(ss));
    asm volatile("mov %%ds, %0" : "=r"(ds));
    asm volatile("mov %%es, %0" : "=r"(es));
    asm volatile("mov %%fs, %0" : "=r"(fs));
    asm volatile("mov %%gs, %0" : "=r"(gs));
    Line("segments").hex(cs).hex(ss).hex(ds).hex(es).hex(fs).hex(gs);

    Line("magic").text(" ").text(start()->magic);
    report_hex("flags", start()->flags & ~std::uint64_t{SIF_INITDOMAIN | SIF_PRIVILEGED});
    report_bool("tables_follow_in_order",
                (*entry_of(virt_base, 4) & entry::frame) >> 12 ==
                    mfn_of(reinterpret_cast<const void*>(start()->pt_base + 4096)));
    report_hex("entry.l4_flags", *entry_of(virt_base, 4) & ~entry::frame);
    report_hex("entry.l3_flags", *entry_of(virt_base, 3) & ~entry::frame);
    report_hex("entry.l2_flags", *entry_of(virt_base, 2) & ~entry::frame);
    report_hex("entry.table_flags", *entry_of(start()->pt_base, 1) & ~entry::frame);
    report_hex("entry.unused_flags", *entry_of(virt_base, 1) & ~entry::frame);
    report_hex("upcall_mask", this_vcpu().evtchn_upcall_mask);
    report_bool("m2p_of_shared_info_is_invalid",
                m2p(start()->shared_info >> 12) == ~std::uint64_t{0});
    report_bool("clock_is_valid", this_vcpu().time.tsc_to_system_mul != 0);
}

}  // namespace guest
