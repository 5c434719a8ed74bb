// SPDX-License-Identifier: MIT
#include "analysis/claims/claims.hpp"

#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/made_up_campaign.hpp"

namespace ring3::analysis {
namespace {

using testing::HasSubstr;

constexpr double none = std::numeric_limits<double>::quiet_NaN();

Estimate ratio(double low, double high) {
    return {(low + high) / 2, Interval{low, high, 0.95}, Estimate::How::bootstrap, 5, 0};
}

TEST(Verdict, needs_the_whole_interval_on_one_side) {
    EXPECT_EQ(verdict_on(ratio(1.1, 1.3), 1, none), Verdict::met);
    EXPECT_EQ(verdict_on(ratio(0.9, 1.1), 1, none), Verdict::undecided);
    EXPECT_EQ(verdict_on(ratio(0.7, 0.9), 1, none), Verdict::not_met);
    EXPECT_EQ(verdict_on(ratio(0.7, 0.9), none, 1), Verdict::met);
    EXPECT_EQ(verdict_on(ratio(1.1, 1.2), none, 1), Verdict::not_met);
    EXPECT_EQ(verdict_on(ratio(0.95, 1.05), 0.9, 1.1), Verdict::met);
    EXPECT_EQ(verdict_on(ratio(0.85, 1.05), 0.9, 1.1), Verdict::undecided);
    EXPECT_EQ(verdict_on(ratio(1.2, 1.3), 0.9, 1.1), Verdict::not_met);
    EXPECT_EQ(verdict_on(ratio(1, 1), 1, none), Verdict::met);
}

TEST(Verdict, without_an_interval_or_a_bound_is_undecided) {
    EXPECT_EQ(verdict_on({2, std::nullopt, Estimate::How::none, 1, 1}, 1, none),
              Verdict::undecided);
    EXPECT_EQ(verdict_on(ratio(1, 2), none, none), Verdict::undecided);
}

std::vector<ClaimResult> evaluated(const Campaign& campaign) {
    return evaluate_claims(campaign, measure(campaign));
}

TEST(Claims, of_the_made_up_campaign_get_each_verdict) {
    const auto results = evaluated(test::made_up_campaign());
    ASSERT_EQ(results.size(), 3u);
    EXPECT_EQ(results[0].verdict, Verdict::met);
    EXPECT_NEAR(results[0].ratio->value, 11 / 2.1, 0.1);
    EXPECT_THAT(results[0].reason, HasSubstr("qemu web: skipped"));
    EXPECT_EQ(results[1].verdict, Verdict::not_met);
    EXPECT_NEAR(results[1].ratio->value, 1 / 2.1, 0.01);
    EXPECT_EQ(results[2].verdict, Verdict::undecided);
    EXPECT_THAT(results[2].reason, HasSubstr("uml dbench: DNR (the guest's kernel stopped"));
}

TEST(Claims, compare_points_by_the_factors_that_they_name) {
    Campaign campaign = test::made_up_sweep();
    campaign.claims = {
        {"", "", "", "", "", "ring3", "ring3", "scheduler.name=credit2;scheduler.slice_us=1000",
         "scheduler.name=bvt;scheduler.slice_us=1000", 1.1, none},
        {"", "", "", "", "", "ring3", "ring3", "scheduler.name=credit2", "scheduler.name=bvt", 1,
         none}};
    const auto results = evaluated(campaign);
    // 123 against 102 connections.
    EXPECT_NEAR(results[0].ratio->value, 123.0 / 102, 1e-9);
    EXPECT_EQ(results[0].verdict, Verdict::met);
    // Three points on the other side: which one is not said.
    EXPECT_EQ(results[1].verdict, Verdict::undecided);
    EXPECT_THAT(results[1].reason, HasSubstr("no single point"));
}

TEST(Claims, about_what_nobody_measured_are_undecided) {
    Campaign campaign = test::made_up_campaign();
    campaign.claims.resize(1);
    campaign.claims[0].workload = "ir";
    const auto results = evaluated(campaign);
    EXPECT_EQ(results[0].verdict, Verdict::undecided);
    EXPECT_THAT(results[0].reason, HasSubstr("nothing that the claim names"));
}

TEST(Bounds, are_told_in_words) {
    EXPECT_EQ(bounds_text({"", "", "", "", "", "", "", "", "", 0.5, none}), "at least 0.500");
    EXPECT_EQ(bounds_text({"", "", "", "", "", "", "", "", "", 0.9, 1.1}),
              "between 0.900 and 1.10");
}

}  // namespace
}  // namespace ring3::analysis
