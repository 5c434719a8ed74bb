// SPDX-License-Identifier: MIT
// Which change is told how: one page where it can be named, everything where it cannot, nothing
// where nothing was taken away. (That enough is told: random_operations_test.)
#include "hv/memory/derived_state.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/hv/memory/world.hpp"

namespace ring3::test {
namespace {

using testing::Each;
using testing::ElementsAre;
using testing::Pair;

/// Pages that one L1 table translates.
constexpr std::uint64_t pages_of_l1 = 512;

constexpr DomainId one{1};

class DerivedStateTest : public testing::Test {
protected:
    DerivedStateTest() : guest_(tables_, one) {
        EXPECT_EQ(tables_.pin(one, guest_.l4, 4), 0);
        frames_.set_derived_state(&told_);
    }
    int set(Mfn table, unsigned index, std::uint64_t value) {
        return tables_.update(one, maddr_of(table, index * 8), value, EntryUpdate::normal);
    }
    int set(unsigned l1_index, std::uint64_t value) { return set(guest_.l1, l1_index, value); }
    void use(Vaddr va, Access access = Access::read) {
        ASSERT_EQ(walk(frames_, guest_.l4, va, access, one, false).kind, WalkResult::Kind::mapped);
    }
    std::uint64_t l1e(unsigned index) { return load_entry(frames_, guest_.l1, index); }

    FrameTable frames_{Frames{32}};
    PageTables tables_{frames_};
    TestDomain guest_;
    RecordingListener told_;
};

TEST_F(DerivedStateTest, hears_nothing_of_tables_that_no_walk_used) {
    ASSERT_EQ(set(0, 0), 0);
    ASSERT_EQ(set(guest_.l2, 1, 0), 0);
    ASSERT_EQ(tables_.unpin(one, guest_.l4), 0);
    EXPECT_TRUE(told_.is_silent());
}

TEST_F(DerivedStateTest, hears_nothing_of_failed_walks) {
    EXPECT_EQ(walk(frames_, guest_.l4, guest_.va(9), Access::read, one, false).kind,
              WalkResult::Kind::fault);
    ASSERT_EQ(set(0, 0), 0);
    EXPECT_TRUE(told_.is_silent());
}

TEST_F(DerivedStateTest, hears_which_page_lost_something) {
    const std::uint64_t full = entry_for(guest_.data[0], data_flags | user);
    for (const std::uint64_t less :
         {std::uint64_t{0}, full & ~writable, full & ~accessed, full & ~dirty, full | no_execute,
          entry_for(guest_.data[1], data_flags | user)}) {
        ASSERT_EQ(set(5, full), 0);
        use(guest_.va(0));
        told_.clear();
        ASSERT_EQ(set(5, less), 0);
        EXPECT_THAT(told_.pages, ElementsAre(guest_.va(5))) << std::hex << less;
        EXPECT_EQ(told_.all_pages, 0);
        ASSERT_EQ(set(5, 0), 0);
    }
}

TEST_F(DerivedStateTest, hears_of_plain_stores_as_of_hypercalls) {
    use(guest_.va(0), Access::write);
    ASSERT_EQ(tables_.store(one, guest_.l1_entry(0), l1e(0) & 0xff & ~writable, 1), 0);
    EXPECT_THAT(told_.pages, ElementsAre(guest_.va(0)));
}

TEST_F(DerivedStateTest, hears_nothing_when_nothing_is_taken_away) {
    ASSERT_EQ(set(5, entry_for(guest_.data[0], present | no_execute)), 0);
    use(guest_.va(0));
    ASSERT_EQ(set(5, entry_for(guest_.data[0], present | accessed | no_execute)), 0);
    ASSERT_EQ(set(5, entry_for(guest_.data[0], present | accessed | dirty | writable)), 0);
    ASSERT_EQ(set(5, entry_for(guest_.data[0], data_flags | user)), 0);
    ASSERT_EQ(set(6, entry_for(guest_.data[0], present)), 0);
    ASSERT_EQ(set(guest_.l2, 7, 0x1000), 0);
    EXPECT_TRUE(told_.is_silent());
}

TEST_F(DerivedStateTest, hears_nothing_of_refused_changes) {
    use(guest_.va(0));
    EXPECT_NE(set(0, entry_for(guest_.l2, present | writable)), 0);
    EXPECT_NE(set(guest_.l2, 1, entry_for(guest_.l2, table_flags)), 0);
    EXPECT_TRUE(told_.is_silent());
}

TEST_F(DerivedStateTest, hears_of_the_region_of_a_used_upper_entry_that_loses_something) {
    const std::uint64_t entry = load_entry(frames_, guest_.l2, 1);
    for (const std::uint64_t less :
         {entry & ~accessed, entry & ~writable, entry | no_execute, std::uint64_t{0}}) {
        use(guest_.va(1));
        told_.clear();
        ASSERT_EQ(set(guest_.l2, 1, less), 0);
        // Once more where the table below goes with it.
        EXPECT_THAT(told_.regions, Each(Pair(va_of(1, 1, 1, 0), pages_of_l1))) << std::hex << less;
        EXPECT_EQ(told_.regions.size(), less == 0 ? 2u : 1u) << std::hex << less;
        EXPECT_EQ(told_.all_pages, 0);
        ASSERT_EQ(set(guest_.l2, 1, entry), 0);
    }
}

TEST_F(DerivedStateTest, hears_of_everything_when_a_table_is_used_at_several_places) {
    ASSERT_EQ(set(guest_.l2, 2, entry_for(guest_.l1, table_flags)), 0);
    use(guest_.va(0));
    use(va_of(1, 1, 2, 0));
    told_.clear();
    ASSERT_EQ(set(0, 0), 0);
    EXPECT_EQ(told_.all_pages, 1);
    EXPECT_TRUE(told_.pages.empty());

    // Everything is gone, so the table has one place again.
    use(va_of(1, 1, 2, 1));
    told_.clear();
    ASSERT_EQ(set(1, 0), 0);
    EXPECT_EQ(told_.all_pages, 0);
    EXPECT_THAT(told_.pages, ElementsAre(va_of(1, 1, 2, 1)));
}

TEST_F(DerivedStateTest, hears_of_a_root_that_shares_the_translations_of_another) {
    const Mfn second = *frames_.allocate(one);
    write_entry(frames_, second, 1, load_entry(frames_, guest_.l4, 1));
    ASSERT_EQ(tables_.pin(one, second, 4), 0);
    use(guest_.va(0));
    frames_.mark_walked(second);
    ASSERT_EQ(set(second, 1, 0), 0);
    EXPECT_THAT(told_.regions, ElementsAre(Pair(va_of(1, 0, 0, 0), pages_of_l1 * 512 * 512)));
}

TEST_F(DerivedStateTest, hears_of_upper_halves_by_canonical_addresses) {
    const Mfn second = *frames_.allocate(one);
    const Mfn l3 = entry_mfn(load_entry(frames_, guest_.l4, 1));
    write_entry(frames_, second, 300, entry_for(l3, table_flags));
    ASSERT_EQ(tables_.pin(one, second, 4), 0);
    ASSERT_EQ(walk(frames_, second, va_of(300, 1, 1, 0), Access::read, one, false).kind,
              WalkResult::Kind::mapped);
    ASSERT_EQ(set(second, 300, 0), 0);
    EXPECT_THAT(told_.regions, ElementsAre(Pair(va_of(300, 0, 0, 0), pages_of_l1 * 512 * 512)));
}

TEST_F(DerivedStateTest, hears_of_each_table_of_a_tree_that_goes) {
    use(guest_.va(0));
    use(guest_.va(1), Access::write);
    ASSERT_EQ(tables_.unpin(one, guest_.l4), 0);
    EXPECT_THAT(told_.roots, ElementsAre(guest_.l4));
    EXPECT_THAT(told_.regions, ElementsAre(Pair(va_of(1, 0, 0, 0), pages_of_l1 * 512 * 512),
                                           Pair(va_of(1, 1, 0, 0), pages_of_l1 * 512),
                                           Pair(va_of(1, 1, 1, 0), pages_of_l1)));
    EXPECT_EQ(told_.all_pages, 0);
    EXPECT_TRUE(told_.pages.empty());

    // None of them counts as walked when it becomes a table again.
    told_.clear();
    ASSERT_EQ(tables_.pin(one, guest_.l4, 4), 0);
    ASSERT_EQ(set(guest_.l2, 1, 0), 0);
    EXPECT_TRUE(told_.is_silent());
}

TEST_F(DerivedStateTest, hears_when_a_table_that_holds_code_changes) {
    frames_.at(guest_.l1).has_code = true;
    ASSERT_EQ(set(2, 0), 0);
    ASSERT_EQ(set(2, 0), 0);
    EXPECT_THAT(told_.written, ElementsAre(std::tuple(guest_.l1, 16, 8)));
}

TEST_F(DerivedStateTest, hears_when_code_becomes_a_table) {
    const Mfn page = *frames_.allocate(one);
    write_entry(frames_, page, 3, entry_for(guest_.data[0], present));
    frames_.at(page).has_code = true;
    ASSERT_EQ(tables_.pin(one, page, 1), 0);
    EXPECT_THAT(told_.written, ElementsAre(std::tuple(page, 24, 8))) << "the bits that Xen adds";
}

}  // namespace
}  // namespace ring3::test
