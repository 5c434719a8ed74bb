// SPDX-License-Identifier: MIT
// Where a domain's frames lie is its own doing, as long as there is room.
#include "hv/memory/free_frames.hpp"

#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ring3 {
namespace {

using testing::ElementsAre;

constexpr DomainId one{1}, two{2}, three{3};

std::vector<std::uint64_t> take(FreeFrames& free, DomainId owner, int count) {
    std::vector<std::uint64_t> taken;
    for (int i = 0; i < count; ++i) taken.push_back(free.take(owner).value());
    return taken;
}

TEST(FreeFrames, keeps_a_run_for_its_owner) {
    FreeFrames free(200);
    free.keep_run(one, 70);
    EXPECT_THAT(take(free, one, 2), ElementsAre(0, 1));
    EXPECT_THAT(take(free, two, 2), ElementsAre(70, 71));
    EXPECT_THAT(take(free, one, 1), ElementsAre(2));
    EXPECT_EQ(free.count(), 195u);
}

TEST(FreeFrames, of_a_run_are_its_owners_again_when_they_come_back) {
    FreeFrames free(200);
    free.keep_run(one, 70);
    take(free, one, 70);
    free.give_back(5);
    EXPECT_THAT(take(free, two, 1), ElementsAre(70));
    EXPECT_THAT(take(free, one, 2), ElementsAre(5, 71)) << "a run that is used up has no more";
}

TEST(FreeFrames, lie_where_a_run_of_them_is) {
    FreeFrames free(200);
    take(free, two, 100);
    for (const std::uint64_t index : {3, 4, 5, 20}) free.give_back(index);
    free.keep_run(one, 3);
    EXPECT_THAT(take(free, two, 1), ElementsAre(20));
    free.keep_run(three, 4);
    EXPECT_THAT(take(free, three, 4), ElementsAre(100, 101, 102, 103));
    EXPECT_THAT(take(free, one, 3), ElementsAre(3, 4, 5));
}

TEST(FreeFrames, are_anybodys_where_there_is_no_such_run_or_its_end_has_come) {
    FreeFrames free(100);
    free.keep_run(one, 101);
    EXPECT_THAT(take(free, two, 1), ElementsAre(0));
    free.keep_run(one, 50);
    free.end_run(one);
    EXPECT_THAT(take(free, two, 1), ElementsAre(1));
}

TEST(FreeFrames, are_kept_for_nobody_when_there_are_no_others) {
    FreeFrames free(100);
    free.keep_run(one, 60);
    take(free, one, 10);
    EXPECT_EQ(take(free, two, 40).back(), 99u);
    EXPECT_THAT(take(free, two, 1), ElementsAre(10));
    EXPECT_EQ(take(free, one, 49).back(), 59u);
    EXPECT_EQ(free.take(one), std::nullopt);
    EXPECT_EQ(free.count(), 0u);
}

}  // namespace
}  // namespace ring3
