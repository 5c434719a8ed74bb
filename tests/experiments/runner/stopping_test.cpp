// SPDX-License-Identifier: MIT
// When repetitions are enough.
#include "experiments/runner/stopping.hpp"

#include <gtest/gtest.h>

#include "hv/base/random.hpp"

namespace ring3::experiment {
namespace {

/// Two iterations of one program: a cold one, and this.
analysis::Run run_of(double value, const char* program = "p") {
    analysis::Run run;
    run.values = {{"", program, "time", "s", analysis::Better::lower, false, true, 0, 99, 0},
                  {"", program, "time", "s", analysis::Better::lower, true, true, 1, value, 0}};
    return run;
}

CellValues values_of(const std::vector<double>& runs) {
    CellValues values;
    for (const double value : runs) values.add(run_of(value));
    return values;
}

constexpr StoppingRule two_percent{3, 30, 0.02};

TEST(StoppingRule, that_is_a_number_of_repetitions_never_ends_them_early) {
    EXPECT_FALSE(is_settled({3, 3, 0}, values_of({1, 1, 1, 1, 1, 1, 1})));
}

TEST(StoppingRule, is_not_satisfied_by_runs_too_few_for_a_95_percent_interval) {
    EXPECT_FALSE(is_settled(two_percent, values_of({1, 1, 1, 1, 1})));
    EXPECT_TRUE(is_settled(two_percent, values_of({1, 1, 1, 1, 1, 1})));
}

TEST(StoppingRule, takes_no_variance_for_the_narrowest_interval) {
    for (const double value : {0.0, 1e-9, 7.0})
        EXPECT_TRUE(is_settled(two_percent, values_of(std::vector<double>(6, value)))) << value;
}

TEST(StoppingRule, holds_no_sooner_than_its_least_number) {
    EXPECT_FALSE(is_settled({8, 30, 0.02}, values_of({1, 1, 1, 1, 1, 1, 1})));
    EXPECT_TRUE(is_settled({8, 30, 0.02}, values_of({1, 1, 1, 1, 1, 1, 1, 1})));
}

TEST(StoppingRule, looks_at_the_width_of_the_interval_in_units_of_the_median) {
    const std::vector<double> wide{1, 1.03, 1, 1, 1, 1}, narrow{100, 101.5, 100, 100, 100, 100};
    EXPECT_FALSE(is_settled(two_percent, values_of(wide)));
    EXPECT_TRUE(is_settled(two_percent, values_of(narrow)));
    // More runs: the one far value is outside of the interval then.
    std::vector<double> more = wide;
    more.insert(more.end(), {1, 1, 1});
    EXPECT_TRUE(is_settled(two_percent, values_of(more)));
}

TEST(StoppingRule, waits_for_the_worst_of_all_programs) {
    CellValues values;
    for (const double value : {1.0, 1.1, 0.9, 1.2, 0.8, 1.0}) {
        analysis::Run run = run_of(1, "quiet");
        for (const analysis::Value& other : run_of(value, "loud").values)
            run.values.push_back(other);
        values.add(run);
    }
    EXPECT_FALSE(is_settled(two_percent, values));
    EXPECT_TRUE(is_settled({3, 30, 0.5}, values));
}

TEST(StoppingRule, knows_nothing_of_runs_without_values) {
    CellValues values;
    for (int i = 0; i < 10; ++i) values.add({});
    EXPECT_FALSE(is_settled(two_percent, values));
}

/// Noise of a known width: the rule ends later the narrower an interval it asks for, and in the end
/// it ends.
TEST(StoppingRule, asks_for_more_runs_the_narrower_the_interval) {
    const auto runs_until = [](double width, std::uint64_t seed) {
        Random random(seed);
        CellValues values;
        while (!is_settled({3, 1000, width}, values))
            values.add(run_of(1 + 0.0001 * static_cast<double>(random.below(1000))));
        return values.runs();
    };
    unsigned coarse = 0, fine = 0;
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        coarse += runs_until(0.08, seed);
        fine += runs_until(0.03, seed);
    }
    EXPECT_GE(coarse, 6U * 20);
    EXPECT_GT(fine, 2 * coarse);
}

}  // namespace
}  // namespace ring3::experiment
