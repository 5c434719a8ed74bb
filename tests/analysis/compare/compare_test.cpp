// SPDX-License-Identifier: MIT
#include "analysis/compare/compare.hpp"

#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/made_up_campaign.hpp"

namespace ring3::analysis {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;

void scale(Campaign& campaign, const char* platform, const char* program, double factor) {
    for (auto& run : campaign.runs)
        if (campaign.cell_of(run).platform == platform)
            for (Value& value : run.values)
                if (value.program == program) value.value *= factor;
}

Change change_of(const CompareResult& result, const char* platform, const char* program) {
    return std::ranges::find_if(result.comparisons,
                                [&](const Comparison& one) {
                                    return one.point.platform == platform &&
                                           one.quantity.program == program;
                                })
        ->change;
}

TEST(Compare, of_a_campaign_with_itself_finds_nothing_better_or_worse) {
    const auto all = measure(test::made_up_campaign());
    const CompareResult result = compare(all, all, 0.05);
    EXPECT_FALSE(result.comparisons.empty());
    for (const Comparison& one : result.comparisons) EXPECT_EQ(one.change, Change::same);
    EXPECT_THAT(result.remarks, IsEmpty());
}

TEST(Compare, knows_the_direction_of_times_and_rates) {
    const Campaign before = test::made_up_campaign();
    Campaign after = before;
    scale(after, "ring3", "gcc", 0.8);      // a time
    scale(after, "uml", "oltp", 0.8);       // a rate
    scale(after, "ring3", "timed", 1.2);    // a rate
    scale(after, "qemu", "build", 1.2);     // a time
    scale(after, "native", "build", 1.01);  // less than the threshold
    const CompareResult result = compare(measure(before), measure(after), 0.05);
    EXPECT_EQ(change_of(result, "ring3", "gcc"), Change::better);
    EXPECT_EQ(change_of(result, "uml", "oltp"), Change::worse);
    EXPECT_EQ(change_of(result, "ring3", "timed"), Change::better);
    EXPECT_EQ(change_of(result, "qemu", "build"), Change::worse);
    EXPECT_EQ(change_of(result, "native", "build"), Change::same);
}

TEST(Compare, is_unclear_where_one_value_on_the_wall_clock_is_all_there_is) {
    Campaign before = test::made_up_campaign();
    std::erase_if(before.runs, [](const auto& run) { return run.repetition > 0; });
    for (auto& run : before.runs)
        std::erase_if(run.values, [](const Value& value) { return value.iteration != 1; });
    Campaign after = before;
    scale(after, "ring3", "gcc", 0.5);
    const CompareResult result = compare(measure(before), measure(after), 0.05);
    EXPECT_EQ(change_of(result, "ring3", "gcc"), Change::unclear);
}

TEST(Compare, tells_what_only_one_of_them_has) {
    const Campaign before = test::made_up_campaign();
    Campaign after = before;
    for (auto& run : after.runs)
        if (after.cell_of(run).platform == "ring3" && after.cell_of(run).workload == "dbench") {
            run.status = Status::dnr;
            run.values.clear();
        }
    for (Cell& cell : after.cells)
        if (cell.platform == "uml" && cell.workload == "web") cell.size = "train";
    const CompareResult result = compare(measure(before), measure(after), 0.05);
    EXPECT_THAT(result.remarks, Contains("ring3 dbench/test: measured before, DNR after"));
    EXPECT_THAT(result.remarks, Contains("uml web/test: only in the first"));
    EXPECT_THAT(result.remarks, Contains("uml web/train: only in the second"));
}

}  // namespace
}  // namespace ring3::analysis
