// SPDX-License-Identifier: MIT
// Two domains with a tree of tables each, of which each test must leave the accounting exact.
#pragma once

#include <gtest/gtest.h>

#include "hv/memory/accounting_check.hpp"
#include "tests/hv/memory/world.hpp"

namespace ring3::test {

inline constexpr DomainId one{1}, two{2};

class PageTablesTest : public testing::Test {
protected:
    PageTablesTest() : guest_(tables_, one), other_(tables_, two) {}
    ~PageTablesTest() override { expect_exact(); }

    void expect_exact() {
        const auto wrong = check_page_accounting(frames_, outside_);
        EXPECT_FALSE(wrong) << *wrong;
    }
    int set(Mfn table, unsigned index, std::uint64_t value, EntryUpdate how = EntryUpdate::normal) {
        return tables_.update(one, maddr_of(table, index * 8), value, how);
    }
    int set(unsigned l1_index, std::uint64_t value) { return set(guest_.l1, l1_index, value); }
    void pin_all() { ASSERT_EQ(tables_.pin(one, guest_.l4, 4), 0); }
    const Frame& frame(Mfn mfn) { return frames_.at(mfn); }

    FrameTable frames_{Frames{40}};
    PageTables tables_{frames_};
    TestDomain guest_, other_;
    OutsideReferences outside_;
};

}  // namespace ring3::test
