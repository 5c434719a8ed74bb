// SPDX-License-Identifier: MIT
#include "hv/control/guest_record.hpp"

#include <string>

#include <gtest/gtest.h>

namespace ring3 {
namespace {

void add(GuestRecord& record, const std::string& text) {
    record.add_output(std::as_bytes(std::span{text}));
}

TEST(GuestRecord, gives_what_came_after_a_place) {
    GuestRecord record;
    add(record, "hello ");
    add(record, "world");
    std::uint64_t from = 3;
    EXPECT_EQ(record.output(from, 5), "lo wo");
    EXPECT_EQ(from, 3u);
    from = record.shown();
    EXPECT_EQ(record.output(from, 5), "");
}

TEST(GuestRecord, keeps_the_last_of_it_and_tells_what_is_lost) {
    GuestRecord record;
    const std::string piece(1000, 'x');
    for (int i = 0; i < 1000; ++i) add(record, piece);
    add(record, "end");
    std::uint64_t from = 0;
    const std::string kept = record.output(from, 1'000'000);
    EXPECT_GE(kept.size(), GuestRecord::history_bytes);
    EXPECT_LE(kept.size(), 2 * GuestRecord::history_bytes);
    EXPECT_EQ(from + kept.size(), 1'000'003u);
    EXPECT_TRUE(kept.ends_with("xend"));
}

TEST(GuestRecord, hangs_on_the_guest_and_goes_with_a_copy_of_its_spec) {
    GuestSpec spec;
    const auto record = add_record(spec);
    const Guest guest(spec);
    EXPECT_EQ(record_of(guest), record);
    const GuestSpec nothing;
    const Guest without(nothing);
    EXPECT_EQ(record_of(without), nullptr);
}

}  // namespace
}  // namespace ring3
