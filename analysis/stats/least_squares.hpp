// SPDX-License-Identifier: MIT
// Fits of quantities that cannot be negative: times, costs.
#pragma once

#include <span>
#include <vector>

namespace ring3::analysis {

/// The x >= 0 with the least sum of squares of (rows * x - wanted), by the active set method of
/// Lawson and Hanson (Solving Least Squares Problems, 1974, chapter 23). All rows have the same
/// number of columns, at least one; there is one wanted value for each row. Always the same answer
/// for the same numbers.
std::vector<double> non_negative_least_squares(std::span<const std::vector<double>> rows,
                                               std::span<const double> wanted);

}  // namespace ring3::analysis
