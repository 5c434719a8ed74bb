// SPDX-License-Identifier: MIT
#include "analysis/measures/measures.hpp"

#include <cmath>
#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ring3::analysis {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr double none = std::numeric_limits<double>::quiet_NaN();

struct Maker {
    Campaign campaign;

    explicit Maker(const char* baseline) { campaign.baseline = baseline; }
    std::uint32_t cell(const char* platform, const char* clock = "wall", std::uint64_t seed = 1,
                       const char* factors = "") {
        const auto number = static_cast<std::uint32_t>(campaign.cells.size() + 1);
        campaign.cells.push_back(
            {number, platform, platform, "suite", "test", clock, seed, factors});
        return number;
    }
    analysis::Run& run(std::uint32_t cell, std::vector<Value> values, Status status = Status::ok) {
        analysis::Run run;
        run.run = static_cast<std::uint32_t>(campaign.runs.size() + 1);
        run.cell = cell;
        run.status = status;
        run.values = std::move(values);
        campaign.runs.push_back(run);
        return campaign.runs.back();
    }
};

Value value(const char* program, double number, std::uint32_t iteration = 0, bool ok = true) {
    return {"", program, "time", "s", Better::lower, iteration > 0, ok, iteration, number, none};
}
Value rate(const char* domain, double number) {
    return {domain, "load", "throughput", "MB/s", Better::higher, false, true, 0, number, none};
}

const Quantity gzip{"", "gzip", "time"};

TEST(Measured, is_what_is_right_and_above_zero) {
    Value value;
    value.ok = true;
    value.value = 0.5;
    EXPECT_TRUE(is_measured(value));
    value.value = 0;
    EXPECT_FALSE(is_measured(value));
    value.value = std::numeric_limits<double>::quiet_NaN();
    EXPECT_FALSE(is_measured(value));
    value.value = 0.5;
    value.ok = false;
    EXPECT_FALSE(is_measured(value));
}

TEST(Measures, use_warm_iterations_alone_where_there_are_any) {
    Maker maker("native");
    maker.run(maker.cell("native"),
              {value("gzip", 9), value("gzip", 2, 1), value("gzip", 3, 2), value("gcc", 5)});
    const Measured measured = measure(maker.campaign).at(0);
    EXPECT_THAT(measured.measures.at(gzip).sample.runs, ElementsAre(ElementsAre(2, 3)));
    EXPECT_TRUE(measured.measures.at(gzip).is_warm);
    EXPECT_THAT(measured.measures.at({"", "gcc", "time"}).sample.runs, ElementsAre(ElementsAre(5)));
}

TEST(Measures, take_no_value_from_a_run_that_was_not_ok) {
    Maker maker("native");
    const auto cell = maker.cell("native");
    maker.run(cell, {value("gzip", 2)});
    maker.run(cell, {value("gzip", 99)}, Status::failed).reason = "wrong output of gzip";
    maker.run(cell, {value("gzip", none, 0, false)});
    const Measured measured = measure(maker.campaign).at(0);
    EXPECT_THAT(measured.measures.at(gzip).sample.runs, ElementsAre(ElementsAre(2)));
    EXPECT_EQ(measured.runs.at(Status::failed), 1u);
    EXPECT_EQ(measured.reason, "wrong output of gzip");
    EXPECT_EQ(measured.mark(), "");
}

TEST(Measures, mark_a_point_without_values_by_what_happened) {
    Maker maker("native");
    maker.run(maker.cell("uml"), {}, Status::dnr);
    maker.run(maker.cell("qemu"), {}, Status::skipped);
    maker.cell("late");
    const auto all = measure(maker.campaign);
    EXPECT_EQ(all[0].mark(), "DNR");
    EXPECT_EQ(all[1].mark(), "skipped");
    EXPECT_EQ(all[2].mark(), "not run");
}

TEST(Measures, under_the_virtual_clock_count_seeds_and_not_repetitions) {
    Maker maker("ring3");
    const auto first = maker.cell("ring3", "virtual", 1),
               second = maker.cell("ring3", "virtual", 2);
    for (int repetition = 0; repetition < 3; ++repetition) {
        maker.run(first, {value("gzip", 5)});
        maker.run(second, {value("gzip", 6)});
    }
    auto all = measure(maker.campaign);
    ASSERT_EQ(all.size(), 1u);
    EXPECT_THAT(all[0].measures.at(gzip).sample.runs, ElementsAre(ElementsAre(5), ElementsAre(6)));
    EXPECT_THAT(all[0].not_repeated, IsEmpty());

    maker.run(first, {value("gzip", 5.5)});
    EXPECT_THAT(measure(maker.campaign).at(0).not_repeated, ElementsAre("run 7: gzip"));
}

TEST(Score, is_the_geometric_mean_of_speeds_and_absolute_the_sum_of_times) {
    Maker maker("native");
    maker.run(maker.cell("native"), {value("gzip", 1), value("gcc", 2)});
    maker.run(maker.cell("ring3"), {value("gzip", 2), value("gcc", 16)});
    const auto all = measure(maker.campaign);
    const auto members = members_of(all, "suite", "test");
    const Score result = score(all[1], *baseline_of(all, all[1], "native"), members);
    EXPECT_DOUBLE_EQ(result.speed->value, 0.25);
    EXPECT_DOUBLE_EQ(absolute(all[1], members)->value, 18);
    EXPECT_EQ(absolute(all[1], members)->unit, "s");
}

TEST(Score, of_a_suite_with_a_missing_member_is_none) {
    Maker maker("native");
    maker.run(maker.cell("native"), {value("gzip", 1), value("gcc", 2)});
    maker.run(maker.cell("ring3"), {value("gzip", 2)});
    maker.run(maker.cell("uml"), {value("gzip", 2), value("gcc", none, 0, false)});
    const auto all = measure(maker.campaign);
    const auto members = members_of(all, "suite", "test");
    for (const std::size_t i : {1u, 2u}) {
        const Score result = score(all[i], all[0], members);
        EXPECT_FALSE(result.speed);
        EXPECT_THAT(result.missing, ElementsAre("gcc"));
        EXPECT_FALSE(absolute(all[i], members));
    }
}

TEST(Score, turns_the_ratio_of_rates) {
    Maker maker("native");
    maker.run(maker.cell("native"), {rate("", 100)});
    maker.run(maker.cell("ring3"), {rate("", 80)});
    const auto all = measure(maker.campaign);
    EXPECT_DOUBLE_EQ(score(all[1], all[0], members_of(all, "suite", "test")).speed->value, 0.8);
}

TEST(Absolute, adds_up_what_several_domains_achieve) {
    Maker maker("ring3");
    maker.run(maker.cell("ring3"), {rate("web1", 30), rate("web2", 31)});
    const auto all = measure(maker.campaign);
    EXPECT_DOUBLE_EQ(absolute(all[0], members_of(all, "suite", "test"))->value, 61);
}

TEST(Baseline, is_the_point_of_equal_factors_or_the_only_one) {
    Maker maker("native");
    maker.cell("native", "wall", 1, "a=1");
    maker.cell("native", "wall", 1, "a=2");
    maker.cell("ring3", "wall", 1, "a=2");
    maker.cell("ring3", "wall", 1, "a=3");
    const auto all = measure(maker.campaign);
    EXPECT_EQ(baseline_of(all, all[2], "native"), &all[1]);
    EXPECT_EQ(baseline_of(all, all[3], "native"), nullptr);
    EXPECT_EQ(baseline_of({all.begin() + 2, all.end()}, all[2], "native"), nullptr);
}

TEST(Factors, are_found_among_others) {
    EXPECT_TRUE(has_factors("a=1;b=2", ""));
    EXPECT_TRUE(has_factors("a=1;b=2", "b=2"));
    EXPECT_TRUE(has_factors("a=1;b=2;c=3", "c=3;a=1"));
    EXPECT_FALSE(has_factors("a=1;b=2", "b=21"));
    EXPECT_FALSE(has_factors("ab=1", "b=1"));
}

}  // namespace
}  // namespace ring3::analysis
