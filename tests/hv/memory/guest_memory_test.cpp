// SPDX-License-Identifier: MIT
// Copies to and from guest virtual memory: across pages, all or nothing, and nowhere else.
#include "hv/memory/guest_memory.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cerrno>

#include "tests/hv/memory/world.hpp"

namespace ring3::test {
namespace {

constexpr DomainId one{1};
namespace fb = fault_bits;

class GuestMemory : public testing::Test {
protected:
    GuestMemory() : guest_(tables_, one) {
        EXPECT_EQ(tables_.pin(one, guest_.l4, 4), 0);
        frames_.set_derived_state(&told_);
        space_ = {&frames_, guest_.l4, one, true};
    }
    void expect_fault(const std::optional<AccessFault>& fault, Vaddr address,
                      std::uint32_t error_code) {
        ASSERT_TRUE(fault);
        EXPECT_EQ(fault->address, address);
        EXPECT_EQ(fault->error_code, error_code);
    }

    FrameTable frames_{Frames{32}};
    PageTables tables_{frames_};
    TestDomain guest_;
    RecordingListener told_;
    AddressSpace space_;
};

TEST_F(GuestMemory, is_read_and_written_across_pages) {
    std::array<std::byte, 3 * page_size> out{}, in{};
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<std::byte>(i * 7 + i / 256);
    const Vaddr va = guest_.va(0, 100);
    EXPECT_FALSE(write_guest(space_, va, out));
    EXPECT_FALSE(read_guest(space_, va, in));
    EXPECT_EQ(in, out);
    EXPECT_EQ(frames_.at(guest_.data[0]).host[100], out[0]);
    EXPECT_EQ(frames_.at(guest_.data[1]).host[0], out[page_size - 100]);
    EXPECT_EQ(frames_.at(guest_.data[3]).host[99], out.back());
    EXPECT_EQ(load_entry(frames_, guest_.l1, 3) & (accessed | dirty), accessed | dirty);

    std::uint64_t value = 0x1122'3344'5566'7788;
    EXPECT_FALSE(write_guest(space_, guest_.va(0, page_size - 3), value));
    value = 0;
    EXPECT_FALSE(read_guest(space_, guest_.va(0, page_size - 3), value));
    EXPECT_EQ(value, 0x1122'3344'5566'7788u);
    EXPECT_FALSE(read_guest(space_, Vaddr{0x8000'0000'0000}, std::span<std::byte>{}));
}

TEST_F(GuestMemory, is_written_whole_or_not_at_all) {
    const std::array<std::byte, page_size> ones = [] {
        std::array<std::byte, page_size> a;
        a.fill(std::byte{1});
        return a;
    }();
    expect_fault(write_guest(space_, guest_.va(3, 8), ones), guest_.va(4), fb::write);
    EXPECT_EQ(frames_.at(guest_.data[3]).host[8], std::byte{0});
    std::array<std::byte, page_size> in;
    expect_fault(read_guest(space_, guest_.va(3, 8), in), guest_.va(4), 0);
}

TEST_F(GuestMemory, is_not_written_where_it_is_read_only_or_a_table) {
    ASSERT_EQ(tables_.update(one, guest_.l1_entry(1), entry_for(guest_.data[1], present),
                             EntryUpdate::normal),
              0);
    ASSERT_EQ(
        tables_.update(one, guest_.l1_entry(2), entry_for(guest_.l1, present), EntryUpdate::normal),
        0);
    const std::uint64_t value = 1;
    expect_fault(write_guest(space_, guest_.va(1), value), guest_.va(1), fb::present | fb::write);
    expect_fault(write_guest(space_, guest_.va(2), value), guest_.va(2), fb::present | fb::write);
    std::uint64_t entry = 0;
    EXPECT_FALSE(read_guest(space_, guest_.va(2), entry));
    EXPECT_EQ(entry, load_entry(frames_, guest_.l1, 0));
}

TEST_F(GuestMemory, ends_at_non_canonical_addresses_and_at_xens_hole) {
    std::uint64_t value = 0;
    for (const std::uint64_t raw :
         {0x0000'8000'0000'0000ull, 0xffff'7fff'ffff'ffffull, 0x8000'0000'0000'0000ull}) {
        expect_fault(read_guest(space_, Vaddr{raw}, value), Vaddr{raw}, 0);
        expect_fault(write_guest(space_, Vaddr{raw}, value), Vaddr{raw}, fb::write);
    }
    frames_.set_m2p(guest_.data[0], Pfn{5});
    const Vaddr m2p = m2p_start + guest_.data[0].raw * 8;
    expect_fault(read_guest(space_, m2p, value), m2p, 0);
    expect_fault(write_guest(space_, m2p, value), m2p, fb::write);
    EXPECT_FALSE(
        read_guest(space_, m2p, std::as_writable_bytes(std::span{&value, 1}), XenHole::readable));
    EXPECT_EQ(value, 5u);
}

TEST_F(GuestMemory, does_not_wrap_around_the_end_of_the_address_space) {
    const TestDomain top(tables_, DomainId{2}, 1, 511);
    const Mfn last = *frames_.allocate(DomainId{2});
    write_entry(frames_, top.l1, 511, entry_for(last, data_flags));
    // The same tables at 0: what comes after the last byte is mapped.
    write_entry(frames_, top.l4, 0, entry_for(top.l3, table_flags));
    write_entry(frames_, top.l3, 0, entry_for(top.l2, table_flags));
    write_entry(frames_, top.l2, 0, entry_for(top.l1, table_flags));
    ASSERT_EQ(tables_.pin(DomainId{2}, top.l4, 4), 0);
    const AddressSpace space{&frames_, top.l4, DomainId{2}, false};
    std::uint64_t value = 0;
    EXPECT_FALSE(write_guest(space, Vaddr{~7ull}, value));
    EXPECT_FALSE(read_guest(space, Vaddr{0}, value));
    expect_fault(read_guest(space, Vaddr{~3ull}, value), Vaddr{0}, 0);
}

TEST_F(GuestMemory, tells_of_writes_to_translated_code) {
    frames_.at(guest_.data[1]).has_code = true;
    const std::uint64_t value = 1;
    EXPECT_FALSE(write_guest(space_, guest_.va(0, page_size - 2), value));
    ASSERT_EQ(told_.written.size(), 1u);
    EXPECT_EQ(told_.written[0], std::tuple(guest_.data[1], 0, 6));
}

}  // namespace
}  // namespace ring3::test
