// SPDX-License-Identifier: MIT
// Which pages around one are like it.
#include "hv/memory/page_run.hpp"

#include <gtest/gtest.h>

#include "tests/hv/memory/world.hpp"

namespace ring3::test {
namespace {

constexpr DomainId one{1};
constexpr unsigned pages = 8, middle = 4;
constexpr std::uint64_t used = present | writable | accessed | dirty;

class PageRunTest : public testing::Test {
protected:
    PageRunTest() : guest_(tables_, one, pages) {
        EXPECT_EQ(tables_.pin(one, guest_.l4, 4), 0);
        for (unsigned i = 0; i < pages; ++i) set(i, guest_.data[i], used);
    }
    void set(unsigned l1_index, Mfn frame, std::uint64_t flags) {
        ASSERT_EQ(tables_.update(one, guest_.l1_entry(l1_index), entry_for(frame, flags),
                                 EntryUpdate::normal),
                  0);
    }
    /// First and number of the pages around the one in the middle.
    std::pair<unsigned, std::uint64_t> run(std::uint64_t reach = pages) {
        const Vaddr page = guest_.va(middle);
        const WalkResult found = walk(frames_, guest_.l4, page, Access::read, one, false);
        EXPECT_EQ(found.kind, WalkResult::Kind::mapped);
        const PageRun run = run_around(frames_, guest_.l4, page, found, one, reach);
        const auto first = static_cast<unsigned>((run.first - guest_.va(0)) / page_size);
        EXPECT_EQ(run.host, frames_.at(guest_.data[first]).host);
        store = run.store;
        return {first, run.pages};
    }

    FrameTable frames_{Frames{64}};
    PageTables tables_{frames_};
    TestDomain guest_;
    bool store = false;
};

using Extent = std::pair<unsigned, std::uint64_t>;

TEST_F(PageRunTest, is_as_long_as_pages_lie_behind_each_other) {
    EXPECT_EQ(run(), (Extent{0, pages}));
    EXPECT_TRUE(store);
    EXPECT_EQ(run(1), (Extent{middle - 1, 3}));
    EXPECT_EQ(run(0), (Extent{middle, 1}));
}

TEST_F(PageRunTest, ends_where_a_page_is_missing_or_in_another_place) {
    set(2, guest_.data[0], used);
    set(6, guest_.data[6], 0);
    EXPECT_EQ(run(), (Extent{3, 3}));
}

TEST_F(PageRunTest, holds_only_what_was_used_as_it_will_be) {
    set(2, guest_.data[2], used & ~accessed);
    set(6, guest_.data[6], used & ~dirty);
    EXPECT_EQ(run(), (Extent{3, 3}));
}

TEST_F(PageRunTest, does_not_mix_what_may_be_stored_to_with_what_may_not) {
    for (const unsigned i : {3u, 4u, 5u}) set(i, guest_.data[i], present | accessed);
    EXPECT_EQ(run(), (Extent{3, 3}));
    EXPECT_FALSE(store);
    frames_.at(guest_.data[2]).has_code = true;
    EXPECT_EQ(run(), (Extent{2, 4}));
    frames_.at(guest_.data[2]).has_code = false;
}

}  // namespace
}  // namespace ring3::test
