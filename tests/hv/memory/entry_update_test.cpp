// SPDX-License-Identifier: MIT
// Single changes at a machine address, by hypercall and by plain store.
#include <gtest/gtest.h>

#include <cerrno>

#include "tests/hv/memory/page_tables_fixture.hpp"

namespace ring3::test {
namespace {

using EntryUpdateTest = PageTablesTest;

TEST_F(EntryUpdateTest, keep_xens_slots_of_the_root_for_xen) {
    for (const unsigned slot : {256u, 260u, 271u}) {
        write_entry(frames_, guest_.l4, slot, entry_for(other_.l3, table_flags));
    }
    pin_all();
    for (const unsigned slot : {256u, 260u, 271u}) {
        EXPECT_EQ(load_entry(frames_, guest_.l4, slot), 0u);
        EXPECT_EQ(set(guest_.l4, slot, 0), -EINVAL);
        EXPECT_EQ(set(guest_.l4, slot, entry_for(guest_.l3, table_flags)), -EINVAL);
    }
    EXPECT_EQ(set(guest_.l4, 255, entry_for(guest_.l3, table_flags)), 0);
    EXPECT_EQ(set(guest_.l4, 272, entry_for(guest_.l3, table_flags)), 0);
    EXPECT_EQ(set(guest_.l3, 256, entry_for(guest_.l2, table_flags)), 0);
}

TEST_F(EntryUpdateTest, store_where_an_update_names_no_table) {
    EXPECT_EQ(set(guest_.data[0], 3, 0xabcd), 0);
    EXPECT_EQ(load_entry(frames_, guest_.data[0], 3), 0xabcdu);
    pin_all();
    EXPECT_EQ(set(guest_.data[0], 3, 0xef), 0);
    EXPECT_EQ(load_entry(frames_, guest_.data[0], 3), 0xefu);
    EXPECT_EQ(set(other_.data[0], 3, 1), -EINVAL);
    EXPECT_EQ(tables_.update(one, maddr_of(guest_.l1, 4), 0, EntryUpdate::normal), -EINVAL);
    EXPECT_EQ(tables_.update(one, Maddr{0x1000}, 0, EntryUpdate::normal), -EINVAL);
    EXPECT_EQ(tables_.update(one, Maddr{~7ull}, 0, EntryUpdate::normal), -EINVAL);
}

TEST_F(EntryUpdateTest, preserve_accessed_and_dirty_when_asked) {
    pin_all();
    ASSERT_EQ(set(0, entry_for(guest_.data[0], data_flags)), 0);
    ASSERT_EQ(
        set(guest_.l1, 0, entry_for(guest_.data[0], present), EntryUpdate::preserve_accessed_dirty),
        0);
    EXPECT_EQ(load_entry(frames_, guest_.l1, 0) & (accessed | dirty | writable), accessed | dirty);
    ASSERT_EQ(set(0, entry_for(guest_.data[0], present)), 0);
    EXPECT_EQ(load_entry(frames_, guest_.l1, 0) & (accessed | dirty), 0u);
}

TEST_F(EntryUpdateTest, take_plain_stores_of_any_size_into_l1_tables) {
    pin_all();
    ASSERT_EQ(set(0, entry_for(guest_.data[0], data_flags)), 0);
    const auto store = [&](std::uint64_t offset, std::uint64_t value, unsigned size) {
        return tables_.store(one, maddr_of(guest_.l1, offset), value, size);
    };
    // lock andb $0xfd: takes RW away, as fork does.
    EXPECT_EQ(store(0, (load_entry(frames_, guest_.l1, 0) & 0xff) & ~writable, 1), 0);
    EXPECT_EQ(frame(guest_.data[0]).type, PageType::none);
    EXPECT_EQ(frame(guest_.data[0]).ref_count, 1u);
    // xchg with 0.
    EXPECT_EQ(store(0, 0, 8), 0);
    EXPECT_EQ(frame(guest_.data[0]).ref_count, 0u);
    // Two halves of an entry, the present one last.
    const std::uint64_t entry = entry_for(guest_.data[1], present | user | no_execute);
    EXPECT_EQ(store(9 * 8 + 4, entry >> 32, 4), 0);
    EXPECT_EQ(store(9 * 8, entry, 4), 0);
    EXPECT_EQ(load_entry(frames_, guest_.l1, 9), entry | global);

    EXPECT_EQ(store(0, entry_for(guest_.l2, present | writable), 8), -EBUSY);
    EXPECT_EQ(load_entry(frames_, guest_.l1, 0), 0u);
    EXPECT_EQ(store(4, 0, 8), -EINVAL) << "across two entries";
    EXPECT_EQ(store(0, 0, 0), -EINVAL);
    EXPECT_EQ(store(0, 0, 9), -EINVAL);
    EXPECT_EQ(tables_.store(one, maddr_of(guest_.l2), 0, 8), -EINVAL);
    EXPECT_EQ(tables_.store(two, maddr_of(guest_.l1), 0, 8), -EINVAL);
}

TEST_F(EntryUpdateTest, update_by_virtual_address) {
    pin_all();
    const auto update = [&](Vaddr va) {
        return tables_.update_va(one, guest_.l4, va, entry_for(guest_.data[0], present));
    };
    EXPECT_EQ(update(guest_.va(33)), 0);
    EXPECT_EQ(entry_mfn(load_entry(frames_, guest_.l1, 33)), guest_.data[0]);
    EXPECT_EQ(update(va_of(1, 1, 2, 0)), -EINVAL);
    EXPECT_EQ(update(m2p_start), -EINVAL);
    EXPECT_EQ(update(Vaddr{0x8000'0000'0000}), -EINVAL);
    EXPECT_EQ(tables_.update_va(one, Mfn{}, guest_.va(0), 0), -EINVAL);
}

TEST_F(EntryUpdateTest, clear_and_copy_what_is_no_table) {
    pin_all();
    write_entry(frames_, guest_.data[0], 5, 55);
    EXPECT_EQ(tables_.copy_page(one, guest_.data[1], guest_.data[0]), 0);
    EXPECT_EQ(load_entry(frames_, guest_.data[1], 5), 55u);
    EXPECT_EQ(tables_.copy_page(one, guest_.data[1], guest_.data[1]), 0);
    EXPECT_EQ(tables_.copy_page(one, guest_.data[1], guest_.l1), 0) << "tables may be read";
    EXPECT_EQ(load_entry(frames_, guest_.data[1], 0), load_entry(frames_, guest_.l1, 0));
    EXPECT_EQ(tables_.clear_page(one, guest_.data[0]), 0);
    EXPECT_EQ(load_entry(frames_, guest_.data[0], 5), 0u);
    EXPECT_EQ(tables_.clear_page(one, guest_.l1), -EINVAL);
    EXPECT_EQ(tables_.clear_page(one, other_.data[0]), -EINVAL);
    EXPECT_EQ(tables_.copy_page(one, guest_.l1, guest_.data[0]), -EINVAL);
    EXPECT_EQ(tables_.copy_page(one, guest_.data[0], other_.data[0]), -EINVAL);
    EXPECT_EQ(tables_.copy_page(one, other_.data[0], guest_.data[0]), -EINVAL);
}

TEST_F(EntryUpdateTest, set_machine_to_phys_of_own_frames_only) {
    EXPECT_EQ(tables_.set_machphys(one, maddr_of(guest_.data[0], 8), Pfn{9}), 0);
    EXPECT_EQ(frames_.m2p(guest_.data[0]), Pfn{9});
    EXPECT_EQ(tables_.set_machphys(one, maddr_of(other_.data[0]), Pfn{9}), -EINVAL);
    EXPECT_EQ(tables_.set_machphys(one, Maddr{~0ull}, Pfn{9}), -EINVAL);
}

}  // namespace
}  // namespace ring3::test
