// SPDX-License-Identifier: MIT
#include "analysis/claims/claims.hpp"

#include <limits>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/made_up_campaign.hpp"

namespace ring3::analysis {
namespace {

using testing::ElementsAre;
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

/// Two runs of two domains, at a neighbour's absence and presence.
Campaign with_neighbours() {
    Campaign campaign;
    for (const std::uint32_t number : {0u, 1u}) {
        const std::string factors = fmt::format("domains.neighbour.count={}", number);
        campaign.cells.push_back({number, "ring3", "ring3", "domains", "", "virtual", 1, factors});
        Run run;
        run.run = run.cell = number;
        run.status = Status::ok;
        const auto add = [&](const char* domain, const char* metric, Better better, double value) {
            run.schedule.push_back(
                {domain, "schedule", metric, "", better, false, true, 0, value, value});
        };
        add("heavy", "cpus", Better::higher, 0.8);
        add("light", "cpus", Better::higher, 0.1);
        add("heavy", "wait_mean", Better::lower, number == 0 ? 100 : 400);
        run.values.push_back({"heavy", "p", "time", "s", Better::lower, false, true, 0, 2, 2});
        run.meta = {{"heavy_trace_sha256", "aa"},
                    {"heavy_memory_sha256", number == 0 ? "bb" : "cc"}};
        campaign.runs.push_back(run);
    }
    return campaign;
}

Claim claim_of(const std::string& metric, const std::string& domain, const std::string& than) {
    Claim claim{"", "", "", "schedule", metric, "ring3", "ring3", "", "", none, none};
    claim.domain = domain;
    claim.than_domain = than;
    return claim;
}

TEST(Claims, compare_the_schedules_of_two_domains) {
    Campaign campaign = with_neighbours();
    campaign.claims = {claim_of("cpus", "heavy", "light"), claim_of("wait_mean", "heavy", "")};
    campaign.claims[0].at_least = 7.6;
    campaign.claims[0].at_most = 8.4;
    campaign.claims[1].factors = "domains.neighbour.count=0";
    campaign.claims[1].than_factors = "domains.neighbour.count=1";
    campaign.claims[1].at_least = 5;
    const auto results = evaluated(campaign);
    EXPECT_EQ(results[0].verdict, Verdict::met) << results[0].reason;
    EXPECT_NEAR(results[0].ratio->value, 8, 1e-9);
    EXPECT_EQ(results[1].verdict, Verdict::not_met) << "4 times as fast, and no more";
    EXPECT_NEAR(results[1].ratio->value, 4, 1e-9);
}

TEST(Claims, say_whether_a_fact_is_the_same) {
    Campaign campaign = with_neighbours();
    Claim claim = claim_of("", "heavy", "");
    claim.factors = "domains.neighbour.count=1";
    claim.than_factors = "domains.neighbour.count=0";
    claim.fact = "heavy_trace_sha256";
    campaign.claims.assign(5, claim);
    campaign.claims[1].differs = true;
    campaign.claims[2].fact = "heavy_memory_sha256";
    campaign.claims[3].fact = "heavy_memory_sha256";
    campaign.claims[3].differs = true;
    campaign.claims[4].fact = "heavy_console_sha256";
    std::vector<Verdict> verdicts;
    for (const ClaimResult& result : evaluated(campaign)) verdicts.push_back(result.verdict);
    EXPECT_THAT(verdicts, ElementsAre(Verdict::met, Verdict::not_met, Verdict::not_met,
                                      Verdict::met, Verdict::undecided));
    EXPECT_EQ(bounds_text(campaign.claims[0]), "the same");
}

TEST(Schedules, are_no_part_of_scores) {
    const auto all = measure(with_neighbours());
    EXPECT_EQ(all.at(0).measures.size(), 1u);
    EXPECT_EQ(all.at(0).schedule.size(), 3u);
}

}  // namespace
}  // namespace ring3::analysis
