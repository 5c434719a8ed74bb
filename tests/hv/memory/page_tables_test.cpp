// SPDX-License-Identifier: MIT
// References, types, pins and roots: what is allowed, what Xen answers otherwise, what a refusal
// leaves, and the sequence of a stock Linux boot.
#include "hv/memory/page_tables.hpp"

#include <cerrno>

#include "tests/hv/memory/page_tables_fixture.hpp"

namespace ring3::test {
namespace {

TEST_F(PageTablesTest, validate_a_tree_from_its_root) {
    pin_all();
    EXPECT_EQ(frame(guest_.l4).type, PageType::l4);
    EXPECT_EQ(frame(guest_.l3).type, PageType::l3);
    EXPECT_EQ(frame(guest_.l2).type, PageType::l2);
    EXPECT_EQ(frame(guest_.l1).type, PageType::l1);
    EXPECT_EQ(frame(guest_.data[0]).type, PageType::writable);
    EXPECT_TRUE(frame(guest_.l4).pinned);
    EXPECT_FALSE(frame(guest_.l3).pinned);
    expect_exact();

    ASSERT_EQ(tables_.unpin(one, guest_.l4), 0);
    for (const Mfn mfn : {guest_.l4, guest_.l3, guest_.l2, guest_.l1, guest_.data[0]}) {
        EXPECT_EQ(frame(mfn).type, PageType::none);
        EXPECT_EQ(frame(mfn).ref_count, 0u);
    }
}

TEST_F(PageTablesTest, add_the_bits_that_xen_adds) {
    write_entry(frames_, guest_.l1, 4, entry_for(guest_.data[0], present | user));
    write_entry(frames_, guest_.l1, 5, entry_for(guest_.data[0], present | user | guest_kernel));
    write_entry(frames_, guest_.l1, 6, 0x1234'5678'0000'0ffe);  // not present: the guest's own
    write_entry(frames_, guest_.l2, 1, entry_for(guest_.l1, present | writable));
    pin_all();
    const auto flags = [&](unsigned index) {
        return load_entry(frames_, guest_.l1, index) & ~entry_bits::frame;
    };
    EXPECT_EQ(flags(0), present | writable | user | guest_kernel);
    EXPECT_EQ(flags(4), present | user | global);
    EXPECT_EQ(flags(5), present | user | guest_kernel);
    EXPECT_EQ(load_entry(frames_, guest_.l1, 6), 0x1234'5678'0000'0ffeu);
    EXPECT_EQ(load_entry(frames_, guest_.l2, 1), entry_for(guest_.l1, present | writable | user));

    ASSERT_EQ(set(7, entry_for(guest_.data[1], present | accessed)), 0);
    EXPECT_EQ(flags(7), present | accessed | user | guest_kernel);
    ASSERT_EQ(set(7, entry_for(guest_.data[1], present | user | global)), 0);
    EXPECT_EQ(flags(7), present | user | global);
}

TEST_F(PageTablesTest, refuse_what_pins_and_unpins_may_not) {
    EXPECT_EQ(tables_.pin(one, other_.l4, 4), -EINVAL);
    EXPECT_EQ(tables_.pin(one, Mfn{}, 1), -EINVAL);
    EXPECT_EQ(tables_.pin(one, invalid_mfn, 1), -EINVAL);
    EXPECT_EQ(tables_.pin(one, FrameTable::first_mfn + 39, 1), -EINVAL) << "nobody's";
    EXPECT_EQ(tables_.unpin(one, guest_.l4), -EINVAL);
    pin_all();
    EXPECT_EQ(tables_.pin(one, guest_.l4, 4), -EINVAL);
    EXPECT_EQ(tables_.pin(one, guest_.l1, 2), -EINVAL);
    EXPECT_EQ(tables_.pin(one, guest_.l3, 4), -EINVAL);
    EXPECT_EQ(tables_.pin(one, guest_.data[0], 1), -EINVAL);
    EXPECT_EQ(tables_.unpin(one, guest_.l1), -EINVAL);
    EXPECT_EQ(tables_.unpin(two, guest_.l4), -EINVAL);
    EXPECT_EQ(tables_.pin(one, guest_.l1, 1), 0);
    EXPECT_EQ(frame(guest_.l1).type_count, 2u);
}

TEST_F(PageTablesTest, leave_no_reference_behind_when_validation_fails) {
    const struct {
        Mfn table;
        std::uint64_t entry;
        int result;
    } cases[] = {
        {guest_.l1, entry_for(other_.data[0], present), -EBUSY},
        {guest_.l1, entry_for(FrameTable::first_mfn + 39, present), -EBUSY},
        {guest_.l1, entry_for(guest_.l2, present | writable), -EBUSY},
        {guest_.l1, entry_for(Mfn{3}, present), -EPERM},
        {guest_.l1, entry_for(frames_.end_mfn(), present), -EPERM},
        {guest_.l1, entry_bits::frame | present, -EINVAL},
        {guest_.l1, entry_for(guest_.data[0], present | page_size_or_pat), -EINVAL},
        {guest_.l1, entry_for(guest_.data[0], present | write_through), -EINVAL},
        {guest_.l1, entry_for(guest_.data[0], present | cache_disable), -EINVAL},
        {guest_.l2, entry_for(guest_.data[0], present | page_size_or_pat), -EINVAL},
        {guest_.l2, entry_for(guest_.l1, present | global), -EINVAL},
        {guest_.l2, entry_for(other_.l1, table_flags), -EINVAL},
        {guest_.l2, entry_for(guest_.l2, table_flags), -EINVAL},
        {guest_.l2, entry_for(guest_.l4, table_flags), -EINVAL},
        {guest_.l3, entry_for(guest_.l3, present), -EINVAL},
        {guest_.l4, entry_for(guest_.l4, present), -EINVAL},
        {guest_.l4, entry_for(Mfn{3}, present), -EINVAL},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(testing::Message() << std::hex << "entry " << c.entry);
        write_entry(frames_, c.table, 300, c.entry);
        EXPECT_EQ(tables_.pin(one, guest_.l4, 4), c.result);
        for (const Mfn mfn : {guest_.l4, guest_.l3, guest_.l2, guest_.l1, guest_.data[0]}) {
            EXPECT_EQ(frame(mfn).ref_count, 0u);
        }
        write_entry(frames_, c.table, 300, 0);
    }
    pin_all();
    for (const auto& c : cases) {  // the same, one by one
        SCOPED_TRACE(testing::Message() << std::hex << "entry " << c.entry);
        EXPECT_EQ(set(c.table, 300, c.entry), c.result);
        EXPECT_EQ(load_entry(frames_, c.table, 300), 0u);
        expect_exact();
    }
}

TEST_F(PageTablesTest, keep_tables_read_only) {
    pin_all();
    EXPECT_EQ(set(8, entry_for(guest_.l1, present | writable)), -EBUSY);
    EXPECT_EQ(set(8, entry_for(guest_.l1, present)), 0);
    EXPECT_EQ(set(8, entry_for(guest_.l1, present | writable)), -EBUSY);
    EXPECT_EQ(load_entry(frames_, guest_.l1, 8) & writable, 0u);

    const Mfn page = guest_.data[0];
    EXPECT_EQ(tables_.pin(one, page, 1), -EINVAL) << "mapped writable";
    ASSERT_EQ(set(0, entry_for(page, present)), 0);
    EXPECT_EQ(tables_.pin(one, page, 1), 0);
    EXPECT_EQ(set(0, entry_for(page, present | writable)), -EBUSY);
    ASSERT_EQ(tables_.unpin(one, page), 0);
    EXPECT_EQ(set(0, entry_for(page, present | writable)), 0);
}

TEST_F(PageTablesTest, move_a_root_from_table_to_table) {
    Mfn root{};
    const Mfn second = *frames_.allocate(one);
    ASSERT_EQ(tables_.replace_root(one, root, guest_.l4), 0) << "validated on the fly";
    EXPECT_EQ(tables_.replace_root(one, root, guest_.l3), -EINVAL);
    EXPECT_EQ(tables_.replace_root(one, root, guest_.l4), 0);
    EXPECT_EQ(frame(guest_.l4).type_count, 1u);
    EXPECT_EQ(tables_.replace_root(one, root, other_.l4), -EINVAL);
    EXPECT_EQ(root, guest_.l4);
    EXPECT_EQ(tables_.replace_root(one, root, Mfn{}), -EINVAL);
    ASSERT_EQ(tables_.replace_root(one, root, second), 0);
    EXPECT_EQ(frame(guest_.l4).type, PageType::none);
    outside_.roots = {second};
}

TEST_F(PageTablesTest, hold_frames_for_the_hypervisor) {
    const Mfn page = guest_.data[3];
    EXPECT_EQ(tables_.get_page(one, other_.data[0]), -EINVAL);
    ASSERT_EQ(tables_.get_writable_page(one, page), 0);
    outside_.writable = {page};
    expect_exact();
    EXPECT_EQ(tables_.pin(one, page, 1), -EINVAL) << "vcpu_info cannot become a page table";
    EXPECT_EQ(tables_.get_descriptors(one, page), -EINVAL);
    tables_.put_writable_page(page);
    outside_.writable = {};
    ASSERT_EQ(tables_.pin(one, page, 1), 0);
    EXPECT_EQ(tables_.get_writable_page(one, page), -EINVAL);
    ASSERT_EQ(tables_.get_page(one, page), 0);
    outside_.plain = {page};
}

TEST_F(PageTablesTest, free_a_frame_that_was_given_up_with_its_last_reference) {
    pin_all();
    const Mfn page = guest_.data[2];
    const Frames free = frames_.free();
    EXPECT_EQ(tables_.give_up(one, other_.data[0]), -EINVAL);
    ASSERT_EQ(tables_.give_up(one, page), 0);
    EXPECT_EQ(tables_.give_up(one, page), -EINVAL);
    EXPECT_EQ(frames_.free(), free) << "still mapped";
    ASSERT_EQ(set(2, 0), 0);
    EXPECT_EQ(frames_.free(), free + 1);
    EXPECT_EQ(set(2, entry_for(page, present)), -EBUSY);

    const Mfn unused = *frames_.allocate(one);
    ASSERT_EQ(tables_.give_up(one, unused), 0);
    EXPECT_FALSE(frame(unused).allocated);
}

/// The page-table part of a stock kernel's boot (xen-pv-abi, "Ordered boot sequence").
TEST_F(PageTablesTest, take_a_linux_kernel_through_its_boot) {
    // The builder's tables are pinned and loaded; the kernel has built init_top_pgt by plain
    // stores.
    Mfn kernel_root{}, user_root{};
    pin_all();
    ASSERT_EQ(tables_.replace_root(one, kernel_root, guest_.l4), 0);
    const Mfn l4 = *frames_.allocate(one), l3 = *frames_.allocate(one),
              vsyscall = *frames_.allocate(one);
    for (unsigned i = 10; const Mfn mfn : {l4, l3, vsyscall}) {
        ASSERT_EQ(set(i++, entry_for(mfn, present | writable)), 0);
    }
    write_entry(frames_, l3, 510, entry_for(guest_.l2, table_flags));
    write_entry(frames_, l4, 511, entry_for(l3, table_flags));
    write_entry(frames_, l4, 1, entry_for(guest_.l3, table_flags));
    EXPECT_EQ(tables_.pin(one, l4, 4), -EINVAL) << "still mapped writable";
    for (unsigned i = 10; const Mfn mfn : {l4, l3}) {
        ASSERT_EQ(tables_.update_va(one, kernel_root, guest_.va(i++), entry_for(mfn, present)), 0);
    }
    ASSERT_EQ(tables_.pin(one, l4, 4), 0);
    ASSERT_EQ(tables_.unpin(one, guest_.l4), 0);
    // level3_user_vsyscall is pinned by itself.
    ASSERT_EQ(tables_.update_va(one, kernel_root, guest_.va(12), entry_for(vsyscall, present)), 0);
    ASSERT_EQ(tables_.pin(one, vsyscall, 3), 0);
    ASSERT_EQ(tables_.replace_root(one, kernel_root, l4), 0);
    EXPECT_EQ(frame(guest_.l4).type, PageType::none);
    // The old root becomes ordinary memory.
    ASSERT_EQ(set(13, entry_for(guest_.l4, present | writable)), 0);
    // A process: user L4, pinned, loaded, its tables freed again.
    const Mfn user_l4 = *frames_.allocate(one);
    write_entry(frames_, user_l4, 511, entry_for(vsyscall, table_flags));
    ASSERT_EQ(tables_.pin(one, user_l4, 4), 0);
    ASSERT_EQ(tables_.replace_root(one, user_root, user_l4), 0);
    EXPECT_EQ(tables_.unpin(one, user_l4), 0);
    EXPECT_EQ(frame(user_l4).type, PageType::l4) << "it is loaded";
    outside_.roots = {kernel_root, user_root};
    expect_exact();
    tables_.put_table(user_root);
    outside_.roots = {kernel_root};
}

}  // namespace
}  // namespace ring3::test
