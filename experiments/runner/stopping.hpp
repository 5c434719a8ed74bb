// SPDX-License-Identifier: MIT
// When a cell has been repeated often enough, by the descriptor's rule.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "analysis/load/campaign.hpp"
#include "experiments/descriptor/descriptor.hpp"

namespace ring3::experiment {

/// What a cell's runs have measured so far.
class CellValues final {
public:
    /// Of a run that ended well: the median of what counts, of each domain's programs' metrics.
    void add(const analysis::Run& run);
    unsigned runs() const { return runs_; }
    const std::map<std::string, std::vector<double>>& medians() const { return medians_; }

private:
    unsigned runs_ = 0;
    std::map<std::string, std::vector<double>> medians_;
};

/// Whether the rule holds: never before its least number of runs, nor before there are enough of
/// them for a 95 % interval of a median (6); then when each interval is narrow enough.
bool is_settled(const StoppingRule& rule, const CellValues& values);

}  // namespace ring3::experiment
