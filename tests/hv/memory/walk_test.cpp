// SPDX-License-Identifier: MIT
// What a walk finds, which fault it gives otherwise, what it leaves behind, and that it believes
// nothing that page tables say about frames.
#include "hv/memory/walk.hpp"

#include <gtest/gtest.h>

#include <array>

#include "tests/hv/memory/world.hpp"

namespace ring3::test {
namespace {

constexpr DomainId one{1}, two{2};
using Kind = WalkResult::Kind;
namespace fb = fault_bits;

class Walk : public testing::Test {
protected:
    Walk() : guest_(tables_, one), other_(tables_, two) {
        EXPECT_EQ(tables_.pin(one, guest_.l4, 4), 0);
        EXPECT_EQ(tables_.pin(two, other_.l4, 4), 0);
        frames_.set_derived_state(&listener_);
    }
    void set(unsigned l1_index, std::uint64_t value) {
        ASSERT_EQ(tables_.update(one, guest_.l1_entry(l1_index), value, EntryUpdate::normal), 0);
    }
    void set(Mfn table, std::uint64_t value) {
        ASSERT_EQ(
            tables_.update(one, maddr_of(table, guest_.index * 8), value, EntryUpdate::normal), 0);
    }
    WalkResult go(unsigned l1_index, Access access, bool assist = false) {
        return walk(frames_, guest_.l4, guest_.va(l1_index, 0x123), access, one, assist);
    }
    void expect_fault(const WalkResult& result, std::uint32_t error_code) {
        EXPECT_EQ(result.kind, Kind::fault);
        EXPECT_EQ(result.error_code, error_code);
    }
    std::uint64_t l1e(unsigned index) { return load_entry(frames_, guest_.l1, index); }
    std::array<std::uint64_t, 3> upper() {
        return {load_entry(frames_, guest_.l4, 1), load_entry(frames_, guest_.l3, 1),
                load_entry(frames_, guest_.l2, 1)};
    }

    FrameTable frames_{Frames{32}};
    PageTables tables_{frames_};
    TestDomain guest_, other_;
    RecordingListener listener_;
};

TEST_F(Walk, finds_the_frame_and_sets_accessed_bits) {
    for (const Mfn table : {guest_.l4, guest_.l3, guest_.l2}) {
        set(table, load_entry(frames_, table, 1) & ~(accessed | dirty));
    }
    const WalkResult found = go(2, Access::read);
    ASSERT_EQ(found.kind, Kind::mapped);
    EXPECT_EQ(found.mfn, guest_.data[2]);
    EXPECT_EQ(found.host, frames_.at(guest_.data[2]).host);
    EXPECT_FALSE(found.writable) << "D is not set yet: the first store must walk again";
    EXPECT_EQ(l1e(2) & (accessed | dirty), accessed);
    for (const std::uint64_t entry : upper()) EXPECT_EQ(entry & (accessed | dirty), accessed);
    EXPECT_EQ(l1e(1) & accessed, 0u);
}

TEST_F(Walk, sets_dirty_with_a_write_and_allows_stores_from_then_on) {
    const WalkResult written = go(0, Access::write);
    ASSERT_EQ(written.kind, Kind::mapped);
    EXPECT_TRUE(written.writable);
    EXPECT_EQ(l1e(0) & (accessed | dirty), accessed | dirty);
    EXPECT_TRUE(go(0, Access::read).writable);
}

TEST_F(Walk, gives_the_error_codes_of_the_architecture) {
    expect_fault(go(9, Access::read), 0);
    expect_fault(go(9, Access::write), fb::write);
    expect_fault(go(9, Access::execute), fb::fetch);
    set(0, entry_for(guest_.data[0], present | no_execute));
    EXPECT_EQ(go(0, Access::read).kind, Kind::mapped);
    expect_fault(go(0, Access::write), fb::present | fb::write);
    expect_fault(go(0, Access::execute), fb::present | fb::fetch);
    EXPECT_EQ(l1e(0) & dirty, 0u);
}

TEST_F(Walk, asks_each_level_for_the_right) {
    for (const Mfn table : {guest_.l4, guest_.l3, guest_.l2}) {
        const std::uint64_t was = load_entry(frames_, table, 1);
        set(table, was & ~writable);
        expect_fault(go(0, Access::write), fb::present | fb::write);
        EXPECT_FALSE(go(0, Access::read).writable);
        set(table, was | no_execute);
        expect_fault(go(0, Access::execute), fb::present | fb::fetch);
        EXPECT_EQ(go(0, Access::write).kind, Kind::mapped);
        set(table, was & ~present);
        expect_fault(go(0, Access::read), 0);
        set(table, was);
        EXPECT_EQ(go(0, Access::execute).kind, Kind::mapped);
    }
}

TEST_F(Walk, leaves_no_bits_where_it_was_refused) {
    set(0, entry_for(guest_.data[0], present | no_execute));
    for (const Mfn table : {guest_.l4, guest_.l3, guest_.l2}) {
        set(table, load_entry(frames_, table, 1) & ~accessed);
    }
    go(0, Access::write);
    go(0, Access::execute);
    go(9, Access::read);
    for (const std::uint64_t entry : upper()) EXPECT_EQ(entry & accessed, 0u);
    EXPECT_EQ(l1e(0) & accessed, 0u);
}

TEST_F(Walk, probes_without_a_trace) {
    const WalkResult found = probe(frames_, guest_.l4, guest_.va(0), Access::write, one);
    ASSERT_EQ(found.kind, Kind::mapped);
    EXPECT_EQ(found.mfn, guest_.data[0]);
    EXPECT_FALSE(found.writable);
    EXPECT_EQ(l1e(0) & (accessed | dirty), 0u);
    EXPECT_FALSE(frames_.was_walked(frames_.at(guest_.l4)));
    expect_fault(probe(frames_, guest_.l4, guest_.va(9), Access::read, one), 0);
}

TEST_F(Walk, lets_the_hypervisor_write_read_only_l1_tables) {
    set(5, entry_for(guest_.l1, present));
    set(6, entry_for(guest_.l2, present));
    set(7, entry_for(guest_.data[0], present));
    const WalkResult found = go(5, Access::write, true);
    EXPECT_EQ(found.kind, Kind::table_write);
    EXPECT_EQ(found.mfn, guest_.l1);
    expect_fault(go(5, Access::write, false), fb::present | fb::write);
    expect_fault(go(6, Access::write, true), fb::present | fb::write);
    expect_fault(go(7, Access::write, true), fb::present | fb::write);
    EXPECT_EQ(go(5, Access::read, true).kind, Kind::mapped);
}

TEST_F(Walk, shows_the_machine_to_phys_table_to_readers_only) {
    frames_.set_m2p(guest_.data[0], Pfn{77});
    const Vaddr va = m2p_start + guest_.data[0].raw * 8;
    const WalkResult found = walk(frames_, guest_.l4, va, Access::read, one, true);
    ASSERT_EQ(found.kind, Kind::mapped);
    EXPECT_EQ(found.mfn, invalid_mfn);
    EXPECT_FALSE(found.writable);
    std::uint64_t pfn;
    std::memcpy(&pfn, found.host + page_offset(va), sizeof pfn);
    EXPECT_EQ(pfn, 77u);

    expect_fault(walk(frames_, guest_.l4, va, Access::write, one, true), fb::present | fb::write);
    expect_fault(walk(frames_, guest_.l4, va, Access::execute, one, true), fb::present | fb::fetch);
    const Vaddr end = m2p_start + frames_.m2p_pages() * page_size;
    EXPECT_EQ(walk(frames_, guest_.l4, end - 1, Access::read, one, true).kind, Kind::mapped);
    expect_fault(walk(frames_, guest_.l4, end, Access::read, one, true), 0);
    expect_fault(walk(frames_, guest_.l4, xen_hole_end - 1, Access::read, one, true), 0);
}

TEST_F(Walk, takes_no_root_that_is_not_an_l4_of_the_domain) {
    for (const Mfn root : {Mfn{}, invalid_mfn, guest_.l3, guest_.l1, guest_.data[0], other_.l4}) {
        expect_fault(walk(frames_, root, guest_.va(0), Access::read, one, false), 0);
    }
    expect_fault(walk(frames_, guest_.l4, guest_.va(0), Access::read, two, false), 0);
}

/// D3: with the accounting broken in every way, no translation leaves the domain or reaches a table
/// for writing.
TEST_F(Walk, believes_no_entry) {
    const std::uint32_t bad = fb::present | fb::reserved;
    const auto smuggle = [&](Mfn table, unsigned index, Mfn target, std::uint64_t flags) {
        smuggle_entry(frames_, table, index, entry_for(target, flags));
    };
    const Mfn free_frame = FrameTable::first_mfn + 31;
    for (const Mfn target : {other_.data[0], free_frame, frames_.end_mfn(), Mfn{5}}) {
        smuggle(guest_.l1, 0, target, data_flags);
        expect_fault(go(0, Access::read), bad);
        expect_fault(go(0, Access::write), bad | fb::write);
    }
    for (const Mfn target : {guest_.l1, guest_.l4, guest_.data[0]}) {
        smuggle(guest_.l1, 0, target, data_flags);
        EXPECT_EQ(go(0, Access::write).kind == Kind::mapped, target == guest_.data[0]);
    }
    smuggle(guest_.l1, 0, guest_.data[0], data_flags);
    const std::array tables{guest_.l4, guest_.l3, guest_.l2};
    const std::array same_level_elsewhere{other_.l3, other_.l2, other_.l1};
    for (unsigned i = 0; i < tables.size(); ++i) {
        const std::uint64_t was = load_entry(frames_, tables[i], 1);
        for (const Mfn target : {same_level_elsewhere[i], guest_.l4, guest_.data[0], free_frame}) {
            smuggle(tables[i], 1, target, table_flags);
            expect_fault(go(0, Access::read), bad);
        }
        smuggle_entry(frames_, tables[i], 1, was | page_size_or_pat);
        expect_fault(go(0, Access::read), bad);
        smuggle_entry(frames_, tables[i], 1, was);
    }
    EXPECT_EQ(go(0, Access::read).kind, Kind::mapped);
}

TEST_F(Walk, tells_of_accessed_bits_in_a_table_that_holds_translated_code) {
    frames_.at(guest_.l1).has_code = true;
    go(3, Access::write);
    ASSERT_EQ(listener_.written.size(), 1u);
    EXPECT_EQ(listener_.written[0], std::tuple(guest_.l1, 24, 8));
    go(3, Access::write);
    EXPECT_EQ(listener_.written.size(), 1u) << "nothing changed";
}

TEST_F(Walk, finds_the_l1_entry_of_an_address_present_or_not) {
    EXPECT_EQ(find_l1_entry(frames_, guest_.l4, guest_.va(9, 5), one), guest_.l1_entry(9));
    EXPECT_EQ(find_l1_entry(frames_, guest_.l4, va_of(1, 1, 2, 0), one), std::nullopt);
    EXPECT_EQ(find_l1_entry(frames_, guest_.l4, m2p_start, one), std::nullopt);
    EXPECT_EQ(find_l1_entry(frames_, other_.l4, guest_.va(0), one), std::nullopt);
}

}  // namespace
}  // namespace ring3::test
