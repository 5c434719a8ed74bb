// SPDX-License-Identifier: MIT
// Where the iterations of a program become steady, by a rule that is fixed before the run: the
// first window of so many in a row whose spread and whose drift are both small.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "analysis/load/layout.hpp"
#include "experiments/descriptor/descriptor.hpp"
#include "experiments/runner/record/run_record.hpp"

namespace ring3::record {

struct SteadySearch {
    bool is_reached = false;
    std::size_t first = 0;  ///< the iteration that the window begins with; none: their number
    /// Of that window; where none was steady, of the last one. 0 where there was none at all.
    double variation = 0;  ///< standard deviation over mean
    double drift = 0;      ///< what its least-squares line rises or falls, over mean
};
SteadySearch find_steady(std::span<const double> iterations, const experiment::SteadyRule& rule);

/// A row for each domain, program and metric that has a rule.
std::vector<Steady> steady_rows(const RunRecord& record, const std::vector<Value>& values);

}  // namespace ring3::record
