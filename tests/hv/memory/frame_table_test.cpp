// SPDX-License-Identifier: MIT
// Frames come in order, zeroed, and go without a trace; the machine-to-phys table knows owners
// only.
#include "hv/memory/frame_table.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>

#include "tests/hv/memory/world.hpp"

namespace ring3::test {
namespace {

using testing::ElementsAre;

constexpr DomainId one{1}, two{2};

TEST(FrameTable, hands_out_the_lowest_free_frame_first) {
    FrameTable frames(Frames{200});
    for (std::uint64_t i = 0; i < 200; ++i) {
        EXPECT_EQ(frames.allocate(one), FrameTable::first_mfn + i);
    }
    EXPECT_EQ(frames.allocate(one), std::nullopt);
    EXPECT_EQ(frames.free(), Frames{0});

    for (const std::uint64_t i : {150, 3, 64}) frames.release(FrameTable::first_mfn + i);
    EXPECT_EQ(frames.free(), Frames{3});
    for (const std::uint64_t i : {3, 64, 150}) {
        EXPECT_EQ(frames.allocate(two), FrameTable::first_mfn + i);
    }
    EXPECT_EQ(frames.allocate(two), std::nullopt);
}

TEST(FrameTable, takes_no_pseudo_physical_number_for_a_frame) {
    FrameTable frames(Frames{100});
    for (const std::uint64_t raw :
         {std::uint64_t{0}, std::uint64_t{99}, FrameTable::first_mfn.raw - 1,
          FrameTable::first_mfn.raw + 100, ~std::uint64_t{0}}) {
        EXPECT_EQ(frames.find(Mfn{raw}), nullptr) << raw;
    }
    EXPECT_NE(frames.find(FrameTable::first_mfn), nullptr);
    EXPECT_EQ(frames.mfn_of(frames.at(FrameTable::first_mfn + 7)), FrameTable::first_mfn + 7);
}

TEST(FrameTable, zeroes_what_it_takes_back) {
    FrameTable frames(Frames{8});
    const std::uint64_t secret = 0x5ec7e7;
    for (int i = 0; i < 8; ++i)
        write_entry(frames, *frames.allocate(i % 3 == 0 ? two : one), 9, secret);

    frames.release(FrameTable::first_mfn + 1);
    const Mfn again = *frames.allocate(two);
    EXPECT_EQ(again, FrameTable::first_mfn + 1);
    EXPECT_EQ(load_entry(frames, again, 9), 0u);

    frames.release_all(one);
    EXPECT_EQ(frames.free(), Frames{4});
    while (const auto mfn = frames.allocate(one)) EXPECT_EQ(load_entry(frames, *mfn, 9), 0u);
    EXPECT_EQ(load_entry(frames, FrameTable::first_mfn, 9), secret) << "another domain's frame";
}

TEST(FrameTable, takes_a_domain_back_whatever_its_frames_hold) {
    FrameTable frames(Frames{16});
    PageTables tables(frames);
    TestDomain gone(tables, one), stays(tables, two);
    ASSERT_EQ(tables.pin(one, gone.l4, 4), 0);
    ASSERT_EQ(tables.pin(two, stays.l4, 4), 0);
    ASSERT_EQ(tables.get_writable_page(one, gone.data[0]), 0);

    frames.release_all(one);
    EXPECT_EQ(frames.free(), Frames{8});
    EXPECT_EQ(frames.at(gone.l1).type, PageType::none);
    EXPECT_EQ(walk(frames, gone.l4, gone.va(0), Access::read, one, false).kind,
              WalkResult::Kind::fault);
    EXPECT_EQ(walk(frames, stays.l4, stays.va(0), Access::read, two, false).kind,
              WalkResult::Kind::mapped);
}

TEST(FrameTable, drops_what_is_derived_from_a_frame_that_goes) {
    FrameTable frames(Frames{4});
    RecordingListener listener;
    frames.set_derived_state(&listener);
    const Mfn a = *frames.allocate(one), b = *frames.allocate(one), c = *frames.allocate(one);
    frames.release(a);
    EXPECT_THAT(listener.lost, ElementsAre(a));
    listener.clear();

    frames.at(c).has_code = true;
    frames.release_all(one);
    EXPECT_EQ(listener.all_pages, 1);
    EXPECT_THAT(listener.lost, ElementsAre(c));
    EXPECT_FALSE(frames.at(b).allocated);
}

TEST(FrameTable, tells_of_writes_to_translated_code_only) {
    FrameTable frames(Frames{4});
    RecordingListener listener;
    frames.set_derived_state(&listener);
    const Mfn mfn = *frames.allocate(one);
    const std::array bytes{std::byte{0x90}, std::byte{0xcc}};
    frames.write(mfn, 4094, bytes);
    EXPECT_TRUE(listener.is_silent());
    EXPECT_EQ(frames.at(mfn).host[4095], std::byte{0xcc});

    frames.at(mfn).has_code = true;
    frames.write(mfn, 100, bytes);
    frames.write(mfn, 4096, {});
    EXPECT_THAT(listener.written, ElementsAre(std::tuple(mfn, 100, 2)));
}

TEST(FrameTable, knows_no_phys_for_frames_without_owner) {
    FrameTable frames(Frames{1000});
    const Mfn mfn = *frames.allocate(one);
    const auto from_guest = [&](Mfn of) {
        std::uint64_t value;
        std::memcpy(&value, frames.m2p_page(of.raw / 512) + of.raw % 512 * 8, 8);
        return value;
    };
    EXPECT_EQ(from_guest(mfn), ~std::uint64_t{0});
    frames.set_m2p(mfn, Pfn{42});
    EXPECT_EQ(frames.m2p(mfn), Pfn{42});
    EXPECT_EQ(from_guest(mfn), 42u);
    EXPECT_EQ(from_guest(mfn + 1), ~std::uint64_t{0});
    EXPECT_EQ(from_guest(mfn + 999), ~std::uint64_t{0}) << "a page where nothing was set yet";
    EXPECT_EQ(from_guest(Mfn{5}), ~std::uint64_t{0}) << "a frame that does not exist";
    EXPECT_EQ(frames.m2p_page(frames.m2p_pages()), nullptr);
    EXPECT_GE(frames.m2p_pages() * 512, frames.end_mfn().raw);

    frames.release(mfn);
    EXPECT_EQ(from_guest(mfn), ~std::uint64_t{0});
}

TEST(FrameTable, tells_when_a_page_of_the_machine_to_phys_table_moves) {
    FrameTable frames(Frames{1000});
    RecordingListener listener;
    frames.set_derived_state(&listener);
    const Mfn mfn = *frames.allocate(one);
    const std::byte* const before = frames.m2p_page(mfn.raw / 512);
    frames.set_m2p(mfn, Pfn{1});
    EXPECT_NE(frames.m2p_page(mfn.raw / 512), before);
    EXPECT_THAT(listener.pages, ElementsAre(m2p_start + mfn.raw / 512 * page_size));
    frames.set_m2p(mfn, Pfn{2});
    EXPECT_EQ(listener.pages.size(), 1u);
}

TEST(FrameTable, of_a_large_machine_costs_nothing_until_it_is_used) {
    FrameTable frames(Frames{std::uint64_t{64} << 18});  // 64 GiB
    const Mfn mfn = *frames.allocate(one);
    write_entry(frames, mfn, 0, 1);
    EXPECT_EQ(load_entry(frames, mfn, 0), 1u);
}

using FrameTableDeath = testing::Test;

TEST(FrameTableDeath, stops_at_writes_past_the_accounting) {
    testing::GTEST_FLAG(death_test_style) = "threadsafe";
    FrameTable frames(Frames{16});
    PageTables tables(frames);
    const TestDomain guest(tables, one);
    ASSERT_EQ(tables.pin(one, guest.l4, 4), 0);
    EXPECT_DEATH(write_entry(frames, guest.l1, 0, 0), "accounting");
    EXPECT_DEATH(frames.release(guest.data[0]), "in use");
    EXPECT_DEATH(tables.put_page(guest.l4 + 10), "nobody holds");
}

}  // namespace
}  // namespace ring3::test
