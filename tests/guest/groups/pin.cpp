// SPDX-License-Identifier: MIT
// mmuext_op: pinning and unpinning tables, base pointers, flushes, and operations on pages.
#include "tests/guest/groups/groups.hpp"
#include "tests/guest/kernel/console.hpp"
#include "tests/guest/kernel/domain.hpp"
#include "tests/guest/kernel/hypercall.hpp"
#include "tests/guest/kernel/pages.hpp"

namespace guest {
namespace {

constexpr std::uint64_t bad_mfn = 0xf'ffff'ffff;

long mmuext(unsigned command, std::uint64_t arg1, std::uint64_t arg2 = 0,
            unsigned domain = DOMID_SELF) {
    mmuext_op op{};
    op.cmd = command;
    op.arg1.mfn = arg1;
    op.arg2.vcpumask.p = reinterpret_cast<void*>(arg2);
    return hypercall(__HYPERVISOR_mmuext_op, &op, 1, nullptr, domain);
}
long pin(unsigned level, const void* table) {
    return mmuext(MMUEXT_PIN_L1_TABLE + level - 1, mfn_of(table));
}
long unpin(const void* table) { return mmuext(MMUEXT_UNPIN_TABLE, mfn_of(table)); }

void check_pins() {
    auto* table = static_cast<std::uint64_t*>(take_page());
    report("l1.while_writable", pin(1, table));
    report("l1.make_read_only", make_read_only(table));
    report("l1.pinned", pin(1, table));
    report("l1.pinned_twice", pin(1, table));
    report("l1.pinned_as_l2", pin(2, table));
    report("l1.make_writable", make_writable(table));
    report("l1.unpinned", unpin(table));
    report("l1.unpinned_twice", unpin(table));
    report("l1.writable_again", make_writable(table));

    table[5] = bad_mfn << 12 | entry::read_write;
    make_read_only(table);
    report("l1.with_bad_entry", pin(1, table));
    make_writable(table);
    table[5] = entry_for(table, entry::read_write);
    make_read_only(table);
    report("l1.maps_itself_writable", pin(1, table));
    make_writable(table);
    table[5] = entry_for(table, entry::present);
    make_read_only(table);
    report("l1.maps_itself_read_only", pin(1, table));
    // An entry without US comes back as Xen completes it.
    report_hex("l1.entry_completed", table[5] & ~entry::frame);
    report("l1.unpinned_again", unpin(table));
    report_hex("l1.entry_after_unpin", table[5] & ~entry::frame);
    make_writable(table);
    table[5] = 0;
    report("plain.unpin", unpin(table));
    report("mfn_not_there.pin", mmuext(MMUEXT_PIN_L1_TABLE, bad_mfn));
    report("mfn_not_there.unpin", mmuext(MMUEXT_UNPIN_TABLE, bad_mfn));
    report("shared_info.pin", mmuext(MMUEXT_PIN_L1_TABLE, start()->shared_info >> 12));
}

void check_tree() {
    auto* l4 = static_cast<std::uint64_t*>(take_page());
    auto* l3 = static_cast<std::uint64_t*>(take_page());
    auto* l2 = static_cast<std::uint64_t*>(take_page());
    auto* l1 = static_cast<std::uint64_t*>(take_page());
    auto* page = static_cast<std::uint64_t*>(take_page());
    l4[1] = entry_for(l3, entry::read_write);
    l3[2] = entry_for(l2, entry::read_write);
    l2[3] = entry_for(l1, entry::read_write);
    l1[4] = entry_for(page, entry::read_write);
    // L4 slots of Xen hold what they hold: the guest's value is replaced.
    l4[256] = 0xdead'beef'0000'0001;
    for (std::uint64_t* table : {l4, l3, l2}) make_read_only(table);
    report("tree.one_table_writable", pin(4, l4));
    make_read_only(l1);
    report("tree.pinned", pin(4, l4));
    report("tree.inner_pinned_too", pin(2, l2));
    report("tree.inner_as_l1", pin(1, l2));
    report("tree.page_becomes_table", pin(1, page));
    report("tree.unpinned", unpin(l4));
    report("tree.l1_still_held", make_writable(l1));
    report("tree.inner_unpinned", unpin(l2));
    report("tree.l1_free", make_writable(l1));
    for (std::uint64_t* table : {l4, l3, l2}) make_writable(table);

    l4[1] = entry_for(l4, entry::read_write);
    make_read_only(l4);
    report("tree.contains_itself", pin(4, l4));
    make_writable(l4);
    l4[1] = entry_for(l3, entry::read_write | entry::pse);
    for (std::uint64_t* table : {l4, l3, l2, l1}) make_read_only(table);
    report("tree.superpage_bit", pin(4, l4));
    for (std::uint64_t* table : {l4, l3, l2, l1}) make_writable(table);
    l4[1] = 0;
    make_read_only(l4);
    report("tree.empty_l4", pin(4, l4));
    report("tree.user_base_of_empty_l4", mmuext(MMUEXT_NEW_USER_BASEPTR, mfn_of(l4)));
    report("tree.unpinned_while_user_base", unpin(l4));
    report("tree.writable_while_user_base", make_writable(l4));
    report("tree.no_user_base", mmuext(MMUEXT_NEW_USER_BASEPTR, 0));
    report("tree.writable_after", make_writable(l4));
}

void check_bases() {
    const void* page = take_page();
    report("base.of_plain_page", mmuext(MMUEXT_NEW_BASEPTR, mfn_of(page)));
    report("base.mfn_not_there", mmuext(MMUEXT_NEW_BASEPTR, bad_mfn));
    report("base.of_current",
           mmuext(MMUEXT_NEW_BASEPTR, mfn_of(reinterpret_cast<const void*>(start()->pt_base))));
    report("user_base.none", mmuext(MMUEXT_NEW_USER_BASEPTR, 0));
    report("user_base.of_plain_page", mmuext(MMUEXT_NEW_USER_BASEPTR, mfn_of(page)));
    report("user_base.mfn_not_there", mmuext(MMUEXT_NEW_USER_BASEPTR, bad_mfn));
}

void check_flushes() {
    static const std::uint64_t mask = 1;
    report("flush.local", mmuext(MMUEXT_TLB_FLUSH_LOCAL, 0));
    report("flush.all", mmuext(MMUEXT_TLB_FLUSH_ALL, 0));
    report("flush.multi", mmuext(MMUEXT_TLB_FLUSH_MULTI, 0, argument(&mask)));
    report("flush.multi_bad_mask", mmuext(MMUEXT_TLB_FLUSH_MULTI, 0, unmapped));
    report("invlpg.local", mmuext(MMUEXT_INVLPG_LOCAL, spare_address()));
    report("invlpg.local_not_canonical", mmuext(MMUEXT_INVLPG_LOCAL, not_canonical));
    report("invlpg.local_inside_xen", mmuext(MMUEXT_INVLPG_LOCAL, inside_xen));
    report("invlpg.all", mmuext(MMUEXT_INVLPG_ALL, spare_address()));
    report("invlpg.multi", mmuext(MMUEXT_INVLPG_MULTI, spare_address(), argument(&mask)));
    report("invlpg.multi_bad_mask", mmuext(MMUEXT_INVLPG_MULTI, spare_address(), unmapped));
}

void check_pages() {
    auto* from = static_cast<volatile std::uint64_t*>(take_page());
    auto* to = static_cast<volatile std::uint64_t*>(take_page());
    from[3] = 0x1234;
    report("copy", mmuext(MMUEXT_COPY_PAGE, mfn_of(to), mfn_of(from)));
    report_hex("copy.holds", to[3]);
    report("clear", mmuext(MMUEXT_CLEAR_PAGE, mfn_of(to)));
    report_hex("clear.holds", to[3]);
    const auto* table = reinterpret_cast<const void*>(start()->pt_base);
    report("clear.of_table", mmuext(MMUEXT_CLEAR_PAGE, mfn_of(table)));
    report("copy.to_table", mmuext(MMUEXT_COPY_PAGE, mfn_of(table), mfn_of(from)));
    report("copy.from_table", mmuext(MMUEXT_COPY_PAGE, mfn_of(to), mfn_of(table)));
    report("clear.mfn_not_there", mmuext(MMUEXT_CLEAR_PAGE, bad_mfn));
    report("copy.mfn_not_there", mmuext(MMUEXT_COPY_PAGE, mfn_of(to), bad_mfn));
}

void check_others() {
    report("unknown_command", mmuext(99, 0));
    report("mark_super", mmuext(MMUEXT_MARK_SUPER, 0));
    report("domain_not_there", mmuext(MMUEXT_TLB_FLUSH_LOCAL, 0, 0, 0x1234));
    report("flush_cache", mmuext(MMUEXT_FLUSH_CACHE, 0));
    report("ldt.none", mmuext(MMUEXT_SET_LDT, 0, 0));
    report("ldt.too_many", mmuext(MMUEXT_SET_LDT, argument(take_page()), 8193));
    report("ldt.unaligned", mmuext(MMUEXT_SET_LDT, argument(take_page()) + 8, 1));
    report("ldt.inside_xen", mmuext(MMUEXT_SET_LDT, inside_xen, 1));
    mmuext_op two[2]{};
    two[0].cmd = 99;
    two[1].cmd = MMUEXT_TLB_FLUSH_LOCAL;
    std::uint32_t done = 99;
    const long result = hypercall(__HYPERVISOR_mmuext_op, two, 2, &done, DOMID_SELF);
    Line("first_is_bad").number(result).number(done);
    two[0].cmd = MMUEXT_TLB_FLUSH_LOCAL;
    two[1].cmd = 99;
    done = 99;
    const long second = hypercall(__HYPERVISOR_mmuext_op, two, 2, &done, DOMID_SELF);
    Line("second_is_bad").number(second).number(done);
}

}  // namespace

void check_pin() {
    check_pins();
    check_tree();
    check_bases();
    check_flushes();
    check_pages();
    check_others();
}

}  // namespace guest
