// SPDX-License-Identifier: MIT
#include "analysis/stats/statistics.hpp"

#include <cmath>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ring3::analysis {
namespace {

using testing::DoubleEq;
using testing::DoubleNear;
using testing::ElementsAre;

using Numbers = std::vector<double>;

TEST(Quantile, is_that_of_type_7) {
    const Numbers sample{4, 1, 3, 2};
    EXPECT_DOUBLE_EQ(quantile(sample, 0), 1);
    EXPECT_DOUBLE_EQ(quantile(sample, 0.25), 1.75);  // as R's quantile(1:4)
    EXPECT_DOUBLE_EQ(quantile(sample, 0.75), 3.25);
    EXPECT_DOUBLE_EQ(quantile(sample, 1), 4);
    EXPECT_DOUBLE_EQ(median(sample), 2.5);
    EXPECT_DOUBLE_EQ(median(Numbers{7}), 7);
    EXPECT_EQ(quantile(Numbers{0.1, 0.1, 0.1}, 0.3), 0.1);
}

// Ranks and coverages: David and Nagaraja, Order Statistics (3rd edition), section 7.1: by the
// binomial distribution with one half; n = 10 gives ranks 2 and 9 with 0.9785.
TEST(OrderStatisticInterval, has_the_ranks_of_the_binomial_distribution) {
    Numbers ten;
    for (int i = 1; i <= 10; ++i) ten.push_back(i);
    const Interval of_ten = order_statistic_interval(ten);
    EXPECT_EQ(of_ten.low, 2);
    EXPECT_EQ(of_ten.high, 9);
    EXPECT_NEAR(of_ten.level, 1 - 2 * 11.0 / 1024, 1e-12);

    Numbers six{6, 5, 4, 3, 2, 1};
    EXPECT_EQ(order_statistic_interval(six), (Interval{1, 6, 1 - 2.0 / 64}));
    Numbers nine(ten.begin(), ten.begin() + 9);
    EXPECT_EQ(order_statistic_interval(nine).low, 2);
    EXPECT_NEAR(order_statistic_interval(nine).level, 1 - 2 * 10.0 / 512, 1e-12);
}

TEST(OrderStatisticInterval, of_few_values_tells_what_it_reaches) {
    EXPECT_EQ(order_statistic_interval(Numbers{3, 1, 2}), (Interval{1, 3, 0.75}));
    EXPECT_EQ(order_statistic_interval(Numbers{1, 2}), (Interval{1, 2, 0.5}));
    EXPECT_EQ(order_statistic_interval(Numbers{5}), (Interval{5, 5, 0}));
}

TEST(OrderStatisticInterval, of_equal_values_has_no_width) {
    const Interval interval = order_statistic_interval(Numbers(12, 0.3));
    EXPECT_EQ(interval.low, 0.3);
    EXPECT_EQ(interval.high, 0.3);
}

TEST(Means, are_those_of_the_book) {
    EXPECT_DOUBLE_EQ(mean(Numbers{1, 2, 6}), 3);
    EXPECT_DOUBLE_EQ(geometric_mean(Numbers{1, 4, 16}), 4);
    EXPECT_DOUBLE_EQ(harmonic_mean(Numbers{40, 60}), 48);
    EXPECT_EQ(geometric_mean(Numbers(7, 0.1)), 0.1);
    // Fleming and Wallace 1986: the geometric mean of ratios does not depend on the base.
    EXPECT_NEAR(geometric_mean(Numbers{2, 0.5}), 1, 1e-15);
}

// Jain, Chiu, Hawe 1984: k of n users having equal shares give k/n; the paper's bands of figure 4
// are nearly equal.
TEST(JainIndex, is_one_for_equal_and_k_of_n_for_k_users) {
    EXPECT_DOUBLE_EQ(jain_index(Numbers{3, 3, 3, 3}), 1);
    EXPECT_DOUBLE_EQ(jain_index(Numbers{1, 0, 0, 0}), 0.25);
    EXPECT_DOUBLE_EQ(jain_index(Numbers{5, 5, 0, 0}), 0.5);
    EXPECT_DOUBLE_EQ(jain_index(Numbers{0, 0}), 1);
    EXPECT_GT(jain_index(Numbers{116, 115, 114, 113, 113, 113, 112, 110}), 0.999);
}

TEST(CliffsDelta, counts_pairs) {
    EXPECT_DOUBLE_EQ(cliffs_delta(Numbers{4, 5}, Numbers{1, 2, 3}), 1);
    EXPECT_DOUBLE_EQ(cliffs_delta(Numbers{1, 2, 3}, Numbers{4, 5}), -1);
    // 9 pairs: 3 greater, 1 equal, 5 less.
    EXPECT_DOUBLE_EQ(cliffs_delta(Numbers{1, 3, 5}, Numbers{2, 3, 6}), -2.0 / 9);
    EXPECT_DOUBLE_EQ(cliffs_delta(Numbers{2, 2}, Numbers{2, 2, 2}), 0);
    EXPECT_STREQ(cliffs_delta_word(-0.5), "large");
    EXPECT_STREQ(cliffs_delta_word(0.1), "negligible");
}

TEST(Ecdf, has_a_step_for_each_value) {
    EXPECT_THAT(ecdf(Numbers{2, 1, 2, 4}),
                ElementsAre(EcdfStep{1, 0.25}, EcdfStep{2, 0.75}, EcdfStep{4, 1}));
}

// As R's p.adjust(c(0.01, 0.04, 0.03, 0.005), "holm").
TEST(Holm, adjusts_as_r_does) {
    EXPECT_THAT(holm(Numbers{0.01, 0.04, 0.03, 0.005}),
                ElementsAre(DoubleEq(0.03), DoubleEq(0.06), DoubleEq(0.06), DoubleEq(0.02)));
    EXPECT_THAT(holm(Numbers{0.8, 0.9}), ElementsAre(1, 1));
    EXPECT_TRUE(holm({}).empty());
}

}  // namespace
}  // namespace ring3::analysis
