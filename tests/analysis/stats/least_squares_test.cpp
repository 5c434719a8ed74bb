// SPDX-License-Identifier: MIT
#include "analysis/stats/least_squares.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "hv/base/random.hpp"

namespace ring3::analysis {
namespace {

using ::testing::DoubleNear;
using ::testing::ElementsAre;

std::vector<double> fit(const std::vector<std::vector<double>>& rows,
                        const std::vector<double>& wanted) {
    return non_negative_least_squares(rows, wanted);
}

double squares(const std::vector<std::vector<double>>& rows, const std::vector<double>& wanted,
               const std::vector<double>& x) {
    double sum = 0;
    for (std::size_t row = 0; row < rows.size(); ++row) {
        double value = -wanted[row];
        for (std::size_t i = 0; i < x.size(); ++i) value += rows[row][i] * x[i];
        sum += value * value;
    }
    return sum;
}

TEST(NonNegativeLeastSquares, finds_what_fits_exactly) {
    EXPECT_THAT(fit({{1, 0}, {0, 1}, {1, 1}}, {2, 3, 5}),
                ElementsAre(DoubleNear(2, 1e-9), DoubleNear(3, 1e-9)));
}

/// Without the bound it would be (1.5, -0.5): by the slope of the sum of squares at (x, 0), x = 1.
TEST(NonNegativeLeastSquares, keeps_at_zero_what_would_be_negative) {
    EXPECT_THAT(fit({{1, 0}, {1, 1}, {1, 2}}, {1.5, 1, 0.5}),
                ElementsAre(DoubleNear(1, 1e-9), 0.0));
}

TEST(NonNegativeLeastSquares, gives_zero_to_a_column_that_says_nothing) {
    EXPECT_THAT(fit({{1, 0}, {2, 0}}, {3, 6}), ElementsAre(DoubleNear(3, 1e-9), 0.0));
}

/// The conditions of Karush, Kuhn and Tucker: no step that keeps all at least zero makes it better.
TEST(NonNegativeLeastSquares, cannot_be_bettered_by_a_small_step) {
    Random random(3);
    const auto number = [&random] { return static_cast<double>(random.below(2001)) / 1000 - 0.7; };
    for (int i = 0; i < 200; ++i) {
        std::vector<std::vector<double>> rows(12, std::vector<double>(5));
        std::vector<double> wanted(12);
        for (auto& row : rows)
            for (double& value : row) value = number();
        for (double& value : wanted) value = number();
        const std::vector<double> x = fit(rows, wanted);
        const double best = squares(rows, wanted, x);
        for (std::size_t column = 0; column < x.size(); ++column) {
            EXPECT_GE(x[column], 0);
            for (const double step : {-1e-4, 1e-4}) {
                std::vector<double> other = x;
                other[column] = std::max(0.0, x[column] + step);
                EXPECT_GE(squares(rows, wanted, other), best - 1e-12);
            }
        }
    }
}

}  // namespace
}  // namespace ring3::analysis
