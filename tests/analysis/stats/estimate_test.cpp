// SPDX-License-Identifier: MIT
#include "analysis/stats/estimate.hpp"

#include <cmath>
#include <vector>

#include <gtest/gtest.h>

#include "hv/base/random.hpp"

namespace ring3::analysis {
namespace {

using How = Estimate::How;

Sample wall(std::vector<std::vector<double>> runs) { return {std::move(runs), false}; }
Sample exact(std::vector<std::vector<double>> runs) { return {std::move(runs), true}; }

double uniform(Random& random) { return static_cast<double>(random.below(1 << 20)) / (1 << 20); }

TEST(EstimateMedian, is_that_of_the_runs_not_of_all_values) {
    // One long run of slow values must not outvote two others.
    const Estimate estimate = estimate_median(wall({{10, 10, 10, 10, 10, 10, 10}, {1, 1}, {2}}));
    EXPECT_EQ(estimate.value, 2);
    EXPECT_EQ(estimate.how, How::order_statistics);
    EXPECT_EQ(*estimate.interval, (Interval{1, 10, 0.75}));
    EXPECT_EQ(estimate.runs, 3u);
}

TEST(EstimateMedian,
     of_one_value_has_no_interval_on_the_wall_clock_and_no_width_under_the_virtual) {
    EXPECT_FALSE(estimate_median(wall({{3}})).interval);
    EXPECT_EQ(estimate_median(wall({{3, 4}})).how, How::within_run);
    const Estimate estimate = estimate_median(exact({{3}}));
    EXPECT_EQ(estimate.how, How::exact);
    EXPECT_EQ(*estimate.interval, (Interval{3, 3, 1}));
}

TEST(EstimateRatio, of_exact_values_is_exact) {
    const Estimate estimate = estimate_ratio(exact({{9}}), exact({{6}}));
    EXPECT_EQ(estimate.value, 1.5);
    EXPECT_EQ(*estimate.interval, (Interval{1.5, 1.5, 1}));
    EXPECT_EQ(estimate.p_value, 0);
    EXPECT_EQ(estimate_ratio(exact({{6}}), exact({{6}})).p_value, 1);
}

TEST(EstimateRatio, without_variance_has_an_interval_without_width_and_no_nan) {
    const Sample equal = wall({{2, 2}, {2, 2}, {2, 2}});
    const Estimate same = estimate_ratio(equal, equal);
    EXPECT_EQ(same.value, 1);
    EXPECT_EQ(*same.interval, (Interval{1, 1, 0.95}));
    EXPECT_EQ(same.p_value, 1);
    const Estimate zero = estimate_ratio(wall({{0}, {0}}), wall({{0}, {0}}));
    EXPECT_EQ(zero.value, 1);
    EXPECT_EQ(*zero.interval, (Interval{1, 1, 0.95}));
}

TEST(EstimateRatio, of_a_single_value_on_the_wall_clock_has_no_interval) {
    const Estimate estimate = estimate_ratio(wall({{4}}), wall({{2}, {2}}));
    EXPECT_EQ(estimate.value, 2);
    EXPECT_FALSE(estimate.interval);
    EXPECT_EQ(estimate.p_value, 1);
}

TEST(EstimateRatio, has_a_p_value_that_a_correction_for_many_comparisons_can_survive) {
    const Sample slow = wall({{2.00}, {2.01}, {1.99}, {2.02}, {2.0}, {1.98}});
    const Sample fast = wall({{1.00}, {1.01}, {0.99}, {1.01}, {1.0}, {1.0}});
    EXPECT_LT(estimate_ratio(slow, fast).p_value, 1e-9);
    EXPECT_GT(estimate_ratio(wall({{1.0}, {1.2}, {0.8}}), wall({{1.1}, {0.9}, {1.05}})).p_value,
              0.3);
}

TEST(EstimateRatio, draws_the_same_each_time) {
    const Sample a = wall({{1, 2}, {3, 4}, {2, 2}}), b = wall({{5, 6}, {7, 5}});
    EXPECT_EQ(*estimate_ratio(a, b).interval, *estimate_ratio(a, b).interval);
}

TEST(EstimateRatio, sees_the_variance_between_runs) {
    // Inside of a run all values are alike; runs differ much.
    const Sample lumpy = wall({{1, 1, 1}, {2, 2, 2}, {3, 3, 3}, {4, 4, 4}, {5, 5, 5}});
    const Sample unit = wall({{1}, {1}, {1}, {1}, {1}});
    const Interval interval = *estimate_ratio(lumpy, unit).interval;
    EXPECT_LE(interval.low, 2);
    EXPECT_GE(interval.high, 4);
}

/// How a run's value is spread about its median.
using Spread = double (*)(Random&);
double even(Random& random) { return 1 + 0.1 * (uniform(random) - 0.5); }
/// Long to one side, as waits for a busy host are; its median is 1.
double skewed(Random& random) { return 1 + 0.05 * (-std::log(1 - uniform(random)) - std::log(2)); }
/// Every fifth run is a tenth slower.
double of_two_kinds(Random& random) {
    const double noise = 0.006 * (uniform(random) - 0.5);
    return 1 + noise + (uniform(random) < 0.2 ? 0.1 : 0);
}

/// Of so many experiments whose ratio is 2, in how many the interval holds it.
int holding(int experiments, int runs, Spread spread, std::uint64_t seed) {
    Random random{seed};
    int count = 0;
    for (int i = 0; i < experiments; ++i) {
        Sample above, below;
        for (int run = 0; run < runs; ++run) {
            const double a = 2 * spread(random), b = spread(random);
            above.runs.emplace_back();
            below.runs.emplace_back();
            for (int k = 0; k < 3; ++k) {
                above.runs.back().push_back(a + 0.002 * (uniform(random) - 0.5));
                below.runs.back().push_back(b + 0.002 * (uniform(random) - 0.5));
            }
        }
        const Interval interval = *estimate_ratio(above, below).interval;
        EXPECT_EQ(interval.level, 0.95);
        count += interval.low <= 2 && interval.high >= 2;
    }
    return count;
}

/// Nominal are 95 %, which varies by 2.2 points in 100 experiments. Seeds are fixed: always the
/// same counts.
TEST(EstimateRatio, has_intervals_that_hold_the_truth_about_as_often_as_they_say) {
    for (const Spread spread : {even, skewed, of_two_kinds}) {
        for (const int runs : {2, 3, 4})
            EXPECT_GE(holding(1000, runs, spread, 42), 930) << runs << " runs";
        for (const int runs : {5, 12})
            EXPECT_GE(holding(100, runs, spread, 42), 90) << runs << " runs";
    }
    // And not by being as wide as the world: of even noise some miss.
    EXPECT_LT(holding(1000, 3, even, 42), 985);
}

TEST(EstimateRatio, of_few_runs_is_wide) {
    const Estimate two = estimate_ratio(wall({{2.00}, {2.04}}), wall({{1.00}, {1.02}}));
    EXPECT_EQ(two.how, How::student);
    // Student's factor for two degrees of freedom is 4.3: of a spread of 1.4 %, +- 6 % and more.
    EXPECT_LT(two.interval->low, 1.9);
    EXPECT_GT(two.interval->high, 2.1);
    EXPECT_LT(two.p_value, 0.01);
    EXPECT_GT(two.p_value, 1e-4);
    const Sample five = wall({{2.00}, {2.04}, {2.0}, {2.04}, {2.02}});
    EXPECT_EQ(estimate_ratio(five, wall({{1}, {1}, {1}, {1.02}, {1}})).how, How::bootstrap);
    EXPECT_EQ(estimate_ratio(five, wall({{1}, {1}, {1}, {1.02}})).how, How::student);
}

/// An exact value beside measured ones adds no uncertainty.
TEST(EstimateRatio, of_few_runs_against_an_exact_value_has_the_spread_of_the_runs) {
    const Estimate estimate = estimate_ratio(wall({{2.0}, {2.1}, {1.9}}), exact({{1}}));
    EXPECT_EQ(estimate.how, How::student);
    // The logarithms have a standard deviation of 0.050, over 3 runs, times 4.303.
    EXPECT_NEAR(std::log(estimate.interval->high / estimate.interval->low),
                2 * 4.3027 * 0.05006 / std::sqrt(3.0), 1e-3);
}

TEST(EstimateGeometricMean, is_the_mean_of_the_ratios) {
    const Sample four = wall({{4}, {4}}), one = wall({{1}, {1}}), sixteen = wall({{16}, {16}});
    const SamplePair pairs[] = {{&four, &one}, {&one, &four}, {&sixteen, &one}};
    const Estimate estimate = estimate_geometric_mean(pairs);
    EXPECT_NEAR(estimate.value, std::cbrt(16), 1e-12);
    EXPECT_NEAR(estimate.interval->low, estimate.value, 1e-12);
    EXPECT_NEAR(estimate.interval->high, estimate.value, 1e-12);
}

TEST(EstimateGeometricMean, draws_runs_for_all_programs_together) {
    // In each run both programs are disturbed alike, one up and one down: the mean is untouched.
    const Sample up = wall({{1}, {2}, {4}}), down = wall({{4}, {2}, {1}}), unit = wall({{1}, {1}});
    const SamplePair pairs[] = {{&up, &unit}, {&down, &unit}};
    const Estimate estimate = estimate_geometric_mean(pairs);
    EXPECT_NEAR(estimate.interval->low, 2, 1e-9);
    EXPECT_NEAR(estimate.interval->high, 2, 1e-9);
}

TEST(EstimateGeometricMean, of_few_runs_is_as_wide_as_what_varies_together) {
    const Sample a = wall({{1}, {1.1}, {1.2}}), b = wall({{2}, {2.2}, {2.4}});
    const Sample unit = exact({{1}});
    const SamplePair one[] = {{&a, &unit}}, both[] = {{&a, &unit}, {&b, &unit}};
    const auto width = [](const Estimate& estimate) {
        return std::log(estimate.interval->high / estimate.interval->low);
    };
    // Both vary alike: a second program tells nothing new of a run.
    EXPECT_NEAR(width(estimate_geometric_mean(one)), width(estimate_geometric_mean(both)), 1e-9);
    // Of another number of runs nobody knows what belongs together.
    const Sample c = wall({{2}, {2.2}, {2.4}, {2.2}});
    const SamplePair apart[] = {{&a, &unit}, {&c, &unit}};
    EXPECT_GT(width(estimate_geometric_mean(apart)), 0.1);
}

}  // namespace
}  // namespace ring3::analysis
