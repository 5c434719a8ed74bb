// SPDX-License-Identifier: MIT
// Two campaigns, quantity by quantity: is the second better, worse, or the same?
#pragma once

#include <string>
#include <vector>

#include "analysis/measures/measures.hpp"

namespace ring3::analysis {

enum class Change : std::uint8_t { better, worse, same, unclear };
const char* change_name(Change change);

struct Comparison {
    Point point;
    Quantity quantity;
    std::string unit;
    Better better{};
    Estimate before, after;
    Estimate speed;      ///< of after in units of before, whichever direction is the better one
    double p_value = 1;  ///< Holm's, over all comparisons
    double delta = 0;    ///< Cliff's, of the values
    Change change = Change::unclear;
};

struct CompareResult {
    std::vector<Comparison> comparisons;
    /// "ring3 web/test: DNR before, 6 ok now"; what only one of them has.
    std::vector<std::string> remarks;
};

/// Differences of less than `threshold` (0.05: 5%) are nobody's concern. Better and worse: beyond
/// it, and the whole interval on one side of 1, with Holm's correction at 5%. Same: the interval
/// lies within the threshold, or the values are equal. Else unclear: repeat the runs.
CompareResult compare(const std::vector<Measured>& before, const std::vector<Measured>& after,
                      double threshold);

}  // namespace ring3::analysis
