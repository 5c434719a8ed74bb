// SPDX-License-Identifier: MIT
// Which of a run's values count: the one rule for statistics and for when to stop repeating.
#pragma once

#include "analysis/load/campaign.hpp"

namespace ring3::analysis {

/// By the run's rule for a steady state, those from where it was reached on; without one, all but
/// the first iteration of a boot, where the quantity has others (`has_warm`).
bool counts(const Run& run, const Value& value, bool has_warm);

/// What the rule found for the value's quantity; null: there was no rule.
const Steady* steady_of(const Run& run, const std::string& domain, const std::string& program,
                        const std::string& metric);

}  // namespace ring3::analysis
