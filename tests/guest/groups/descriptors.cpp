// SPDX-License-Identifier: MIT
// set_gdt, update_descriptor and segment loads: which descriptors a guest may have, what Xen makes
// of their privilege, and what a load of each gives.
#include "tests/guest/groups/groups.hpp"
#include "tests/guest/kernel/console.hpp"
#include "tests/guest/kernel/domain.hpp"
#include "tests/guest/kernel/hypercall.hpp"
#include "tests/guest/kernel/pages.hpp"
#include "tests/guest/kernel/trap.hpp"

namespace guest {
namespace {

constexpr std::uint64_t bad_mfn = 0xf'ffff'ffff;

long set_gdt(std::uint64_t mfn, unsigned entries) {
    std::uint64_t frames[16] = {mfn};
    return hypercall(__HYPERVISOR_set_gdt, frames, entries);
}
long update_descriptor(std::uint64_t where, std::uint64_t value) {
    return hypercall(__HYPERVISOR_update_descriptor, where, value);
}

struct Descriptor {
    const char* name;
    std::uint64_t value;
};
constexpr Descriptor descriptors[] = {
    {"null", 0},
    {"data_dpl3", 0x00cf'f300'0000'ffff},
    {"data_dpl0", 0x00cf'9300'0000'ffff},
    {"data_not_accessed", 0x00cf'f200'0000'ffff},
    {"code64_dpl3", 0x00af'fb00'0000'ffff},
    {"code64_dpl0", 0x00af'9b00'0000'ffff},
    {"code32_dpl3", 0x00cf'fb00'0000'ffff},
    {"code64_and_32", 0x00ef'fb00'0000'ffff},
    {"conforming_dpl0", 0x00af'9f00'0000'ffff},
    {"not_present", 0x00cf'7300'0000'ffff},
    {"tss", 0x0000'8900'0000'0067},
    {"ldt", 0x0000'8200'0000'0067},
    {"call_gate_dpl3", 0x0000'ec00'e033'0000},
    {"interrupt_gate", 0x0000'8e00'e033'0000},
    {"data_with_base", 0x12cf'f334'5678'ffff},
    {"data_small_limit", 0x0040'f300'0000'0fff},
};
constexpr unsigned descriptor_count = sizeof descriptors / sizeof descriptors[0];

std::uint64_t* table;

void check_set_gdt() {
    report("set_gdt.writable_page", set_gdt(mfn_of(table), 16));
    make_read_only(table);
    report("set_gdt.read_only_page", set_gdt(mfn_of(table), 512));
    report("set_gdt.page_becomes_writable", make_writable(table));
    report("set_gdt.no_entries", set_gdt(0, 0));
    report("set_gdt.page_writable_when_free", make_writable(table));
    make_read_only(table);
    report("set_gdt.too_many", set_gdt(mfn_of(table), 14 * 512 + 1));
    report("set_gdt.second_frame_bad", set_gdt(mfn_of(table), 513));
    report("set_gdt.mfn_not_there", set_gdt(bad_mfn, 16));
    report("set_gdt.page_table",
           set_gdt(mfn_of(reinterpret_cast<const void*>(start()->pt_base)), 16));
    make_writable(table);
    table[1] = 0x0000'8900'0000'0067;  // a TSS
    make_read_only(table);
    report("set_gdt.holds_tss", set_gdt(mfn_of(table), 16));
    make_writable(table);
    table[1] = 0x00cf'9300'0000'ffff;  // DPL 0
    make_read_only(table);
    report("set_gdt.holds_dpl0", set_gdt(mfn_of(table), 512));
    report_hex("set_gdt.dpl0_becomes", table[1]);
}

void check_update() {
    for (unsigned i = 0; i < descriptor_count; ++i) {
        const long result = update_descriptor(machine_address(table + 8 + i), descriptors[i].value);
        Line("update").text(" ").text(descriptors[i].name).number(result).hex(table[8 + i]);
        update_descriptor(machine_address(table + 8 + i), 0);
    }
    report("update.unaligned", update_descriptor(machine_address(table) + 4, 0));
    report("update.mfn_not_there", update_descriptor(bad_mfn << 12, 0));
    auto* plain = static_cast<std::uint64_t*>(take_page());
    report("update.plain_page", update_descriptor(machine_address(plain), 0x00cf'f300'0000'ffff));
    report_hex("update.plain_page_holds", plain[0]);
    report("update.page_table",
           update_descriptor(machine_address(reinterpret_cast<const void*>(start()->pt_base)), 0));
    report_trap_somewhere("update.plain_store",
                          [] { *const_cast<volatile std::uint64_t*>(table + 9) = 0; });
}

/// The selector in question, for the functions that report_trap_somewhere() runs.
unsigned selector;
void load_ds() { asm volatile("mov %0, %%ds" ::"r"(selector)); }
void load_es() { asm volatile("mov %0, %%es" ::"r"(selector)); }
void load_fs() { asm volatile("mov %0, %%fs" ::"r"(selector)); }
void load_gs() { asm volatile("mov %0, %%gs" ::"r"(selector)); }
void load_ss() { asm volatile("mov %0, %%ss" ::"r"(selector)); }
void restore_ss() { asm volatile("mov %0, %%ss" ::"r"(0xe02b)); }

void report_load(const char* name, void (*load)()) {
    clear_traps();
    run_guarded(load);
    Line line(name);
    line.hex(selector);
    if (trap_count() == 0) {
        line.text(" loaded");
    } else {
        line.text(" vector")
            .number(static_cast<long>(trap().frame.vector))
            .text(" error")
            .hex(trap().frame.error_code);
    }
}

void check_loads() {
    for (unsigned i = 0; i < descriptor_count; ++i) {
        if (update_descriptor(machine_address(table + 8 + i), descriptors[i].value) != 0) continue;
        for (const unsigned rpl : {0u, 3u}) {
            selector = (8 + i) * 8 | rpl;
            report_load(descriptors[i].name, load_ds);
        }
        selector = (8 + i) * 8 | 3;
        Line line("ss_load");
        clear_traps();
        run_guarded(load_ss);
        line.hex(selector)
            .hex(trap_count() != 0 ? trap().frame.vector : 0)
            .hex(trap().frame.error_code);
        restore_ss();
    }
    selector = 0xe02b;
    report_load("xen_flat_data", load_ds);
    selector = 0xe033;
    report_load("xen_flat_code", load_es);
    selector = 0xe023;
    report_load("xen_flat_code32", load_es);
    selector = 0xe010;
    report_load("xen_own_data", load_es);
    selector = 0xe040;
    report_load("xen_tss", load_es);
    selector = 0xfff8;
    report_load("past_the_table", load_es);
    selector = 4;
    report_load("empty_ldt", load_es);
    for (const unsigned null : {0u, 1u, 3u}) {
        selector = null;
        report_load("null", load_es);
    }
    selector = 0;
    load_ds();
    load_es();
}

void check_bases() {
    // With a descriptor whose base is 0x12345678, fs and gs take that base.
    update_descriptor(machine_address(table + 8), 0x12cf'f334'5678'ffff);
    selector = 8 * 8 | 3;
    load_fs();
    const auto read_base = [](std::uint32_t msr) {
        std::uint32_t low = 0, high = 0;
        asm volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
        return std::uint64_t{high} << 32 | low;
    };
    report_hex("base.fs_by_descriptor", read_base(0xc000'0100));
    hypercall(__HYPERVISOR_set_segment_base, SEGBASE_FS, 0x7000);
    report_hex("base.fs_by_hypercall", read_base(0xc000'0100));
    unsigned short fs;
    asm volatile("mov %%fs, %0" : "=r"(fs));
    report_hex("base.fs_selector_after", fs);
    load_gs();
    report_hex("base.gs_by_descriptor", read_base(0xc000'0101));
    selector = 0;
    load_fs();
    load_gs();
}

struct [[gnu::packed]] TableRegister {
    std::uint16_t limit;
    std::uint64_t base;
};

void check_reads() {
    TableRegister gdt{}, idt{};
    std::uint16_t ldt = 0, task = 0;
    asm volatile("sgdt %0" : "=m"(gdt));
    asm volatile("sidt %0" : "=m"(idt));
    asm volatile("sldt %0" : "=r"(ldt));
    asm volatile("str %0" : "=r"(task));
    report_hex("sgdt.limit", gdt.limit);
    report_hex("sidt.limit", idt.limit);
    report_hex("sldt", ldt);
    report_hex("str", task);
    std::uint64_t machine_status = 0;
    asm volatile("smsw %0" : "=r"(machine_status));
    report_hex("smsw.low", machine_status & 0xffff);
    const auto report_access = [](const char* name, unsigned of) {
        std::uint32_t rights = 0, limit = 0;
        bool has_rights = false, has_limit = false, can_read = false, can_write = false;
        asm volatile("lar %2, %0; setz %1" : "=r"(rights), "=q"(has_rights) : "r"(of));
        asm volatile("lsl %2, %0; setz %1" : "=r"(limit), "=q"(has_limit) : "r"(of));
        asm volatile("verr %w1; setz %0" : "=q"(can_read) : "r"(of));
        asm volatile("verw %w1; setz %0" : "=q"(can_write) : "r"(of));
        Line(name)
            .hex(has_rights)
            .hex(has_rights ? rights : 0)
            .hex(has_limit)
            .hex(has_limit ? limit : 0)
            .hex(can_read)
            .hex(can_write);
    };
    report_access("access.flat_code", 0xe033);
    report_access("access.flat_data", 0xe02b);
    report_access("access.xen_code", 0xe008);
    report_access("access.own_data", 8 * 8 | 3);
    report_access("access.null", 0);
    report_access("access.past_the_table", 0xfff8);
}

}  // namespace

void check_descriptors() {
    table = static_cast<std::uint64_t*>(take_page());
    check_set_gdt();
    check_update();
    check_loads();
    check_bases();
    check_reads();
    set_gdt(0, 0);
}

}  // namespace guest
