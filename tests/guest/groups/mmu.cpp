// SPDX-License-Identifier: MIT
// mmu_update, update_va_mapping and page-table entries: what is accepted, what is refused, and what
// an accepted entry looks like when it is read back.
#include "tests/guest/groups/groups.hpp"
#include "tests/guest/kernel/console.hpp"
#include "tests/guest/kernel/domain.hpp"
#include "tests/guest/kernel/hypercall.hpp"
#include "tests/guest/kernel/pages.hpp"
#include "tests/guest/kernel/trap.hpp"

namespace guest {
namespace {

constexpr std::uint64_t bad_mfn = 0xf'ffff'ffff;

std::uint64_t spare() { return spare_address(); }
std::uint64_t spare_flags() { return *entry_of(spare(), 1) & ~entry::frame; }

void check_arguments() {
    void* page = take_page();
    mmu_update updates[3] = {
        {machine_address(entry_of(spare(), 1)), entry_for(page, entry::read_write)},
        {machine_address(entry_of(spare(), 1)), bad_mfn << 12 | entry::read_write},
        {machine_address(entry_of(spare(), 1)), entry_for(page, entry::read_only)},
    };
    std::uint32_t done = 99;
    const auto update = [&](unsigned count, unsigned domain) {
        done = 99;
        return hypercall(__HYPERVISOR_mmu_update, updates, count, &done, domain);
    };
    Line("update.none").number(update(0, DOMID_SELF)).number(done);
    Line("update.good").number(update(1, DOMID_SELF)).number(done);
    Line("update.second_is_bad").number(update(3, DOMID_SELF)).number(done);
    Line("update.domain_not_there").number(update(1, 0x1234)).number(done);
    Line("update.domain_invalid").number(update(1, DOMID_INVALID)).number(done);
    report("update.done_pointer_bad",
           hypercall(__HYPERVISOR_mmu_update, updates, 1, unmapped, DOMID_SELF));

    mmu_update one{0, 0};
    const auto update_at = [&](const char* name, std::uint64_t where, std::uint64_t value) {
        one = {where, value};
        report(name, hypercall(__HYPERVISOR_mmu_update, &one, 1, nullptr, DOMID_SELF));
    };
    update_at("update.table_not_there", bad_mfn << 12, 0);
    update_at("update.entry_unaligned", machine_address(entry_of(spare(), 1)) + 4,
              entry_for(page, entry::read_write));
    update_at("update.plain_page", machine_address(page) + 8, 0x1234'5678'9abc'def0);
    report_hex("update.plain_page_holds", static_cast<std::uint64_t*>(page)[1]);
    map(spare(), entry_for(reinterpret_cast<void*>(spare()), entry::read_write));
}

/// Every flag by itself, on a present entry.
void check_flags() {
    void* page = take_page();
    for (unsigned bit = 1; bit < 12; ++bit) {
        const std::uint64_t flags = entry::present | 1u << bit;
        const long result = map(spare(), entry_for(page, flags));
        Line("flags.bit").number(static_cast<long>(bit)).number(result).hex(spare_flags());
        map(spare(), 0);
    }
    for (unsigned bit = 52; bit < 64; ++bit) {
        const std::uint64_t flags = entry::read_write | std::uint64_t{1} << bit;
        const long result = map(spare(), entry_for(page, flags));
        Line("flags.bit").number(static_cast<long>(bit)).number(result).hex(spare_flags());
        map(spare(), 0);
    }
    map(spare(), entry_for(page, entry::present | entry::writable));
    report_hex("flags.kernel", spare_flags());
    map(spare(), 0x1230 | entry::writable);
    report_hex("flags.not_present", *entry_of(spare(), 1));
    report("flags.mfn_not_there", map(spare(), bad_mfn << 12 | entry::read_write));
    report("flags.mfn_not_there_absent", map(spare(), bad_mfn << 12));
    map(spare(), 0);
}

void check_accessed_and_dirty() {
    auto* page = static_cast<volatile std::uint64_t*>(take_page());
    auto* seen = reinterpret_cast<volatile std::uint64_t*>(spare());
    constexpr std::uint64_t fresh = entry::present | entry::writable | entry::user;
    map(spare(), entry_for(page, fresh));
    report_hex("ad.fresh", spare_flags());
    (void)*seen;
    report_hex("ad.after_read", spare_flags());
    *seen = 1;
    report_hex("ad.after_write", spare_flags());
    update_entry(entry_of(spare(), 1), entry_for(page, fresh), MMU_PT_UPDATE_PRESERVE_AD);
    report_hex("ad.preserved", spare_flags());
    update_entry(entry_of(spare(), 1), entry_for(page, fresh));
    report_hex("ad.cleared", spare_flags());
    *seen = 2;
    report_hex("ad.set_again_at_once", spare_flags());
    map(spare(), 0);
}

void check_va_mapping() {
    void* page = take_page();
    const std::uint64_t value = entry_for(page, entry::read_write);
    const auto update = [&](const char* name, std::uint64_t va, std::uint64_t flags) {
        report(name, hypercall(__HYPERVISOR_update_va_mapping, va, value, flags));
    };
    update("va.good", spare(), UVMF_NONE);
    update("va.tlb_flush_all", spare(), UVMF_TLB_FLUSH | UVMF_ALL);
    update("va.invlpg_all", spare(), UVMF_INVLPG | UVMF_ALL);
    update("va.flush_type_3", spare(), 3);
    update("va.bitmap_unmapped", spare(), UVMF_TLB_FLUSH | unmapped);
    static const std::uint64_t bitmap = 1;
    update("va.bitmap", spare(), UVMF_TLB_FLUSH | argument(&bitmap));
    update("va.no_table", unmapped, UVMF_NONE);
    update("va.not_canonical", not_canonical, UVMF_NONE);
    update("va.inside_xen", inside_xen, UVMF_NONE);
    update("va.unaligned", spare() + 0x123, UVMF_NONE);
    report("va.otherdomain_not_there", hypercall(__HYPERVISOR_update_va_mapping_otherdomain,
                                                 spare(), value, UVMF_NONE, 0x1234));
    map(spare(), 0);
}

/// Entries of upper tables: into fresh tables that are in use nowhere but under our own L4.
void check_upper_levels() {
    void* l1 = take_page();
    void* plain = take_page();
    volatile std::uint64_t* l4 = entry_of(unmapped, 4);
    report("l4.of_plain_page", update_entry(l4, entry_for(plain, entry::read_write)));
    report("l4.superpage", update_entry(l4, entry_for(plain, entry::read_write | entry::pse)));
    report("l4.mfn_not_there", update_entry(l4, bad_mfn << 12 | entry::read_write));
    report("l4.absent", update_entry(l4, 0));
    volatile std::uint64_t* xen_slot = entry_of(0xffff'8000'0000'0000, 4);
    report("l4.xen_slot", update_entry(xen_slot, entry_for(plain, entry::read_only)));
    report("l4.xen_slot_absent", update_entry(xen_slot, 0));
    report("l4.last_xen_slot", update_entry(entry_of(0xffff'8780'0000'0000, 4), 0));
    report("l4.first_slot_behind", update_entry(entry_of(0xffff'8800'0000'0000, 4), 0));
    const std::uint64_t own_l4 = mfn_of(reinterpret_cast<const void*>(start()->pt_base)) << 12;
    report("l4.itself_writable", update_entry(l4, own_l4 | entry::read_write));
    report("l4.itself_read_only", update_entry(l4, own_l4 | entry::read_only));
    report("l4.itself_removed", update_entry(l4, 0));

    report("table.still_writable", update_entry(l4, entry_for(l1, entry::read_write)));
    make_read_only(l1);
    report("table.read_only", update_entry(l4, entry_for(l1, entry::read_write)));
    report_hex("table.entry_reads", *l4 & ~entry::frame);
    report("table.becomes_writable", make_writable(l1));
    report("table.one_in_two_levels",
           update_entry(entry_of(virt_base, 3), entry_for(l1, entry::read_write)));
    report("table.removed", update_entry(l4, 0));
    report("table.writable_when_free", make_writable(l1));
}

void check_m2p() {
    void* page = take_page();
    const std::uint64_t mfn = mfn_of(page);
    const std::uint64_t pfn = m2p(mfn);
    const auto update = [](std::uint64_t frame, std::uint64_t value) {
        mmu_update one{frame << 12 | MMU_MACHPHYS_UPDATE, value};
        return hypercall(__HYPERVISOR_mmu_update, &one, 1, nullptr, DOMID_SELF);
    };
    report("m2p.update", update(mfn, 0x55));
    report_hex("m2p.reads", m2p(mfn));
    report("m2p.restore", update(mfn, pfn));
    report("m2p.mfn_not_there", update(bad_mfn, 1));
}

}  // namespace

void check_mmu() {
    check_arguments();
    check_flags();
    check_accessed_and_dirty();
    check_va_mapping();
    check_upper_levels();
    check_m2p();
}

}  // namespace guest
