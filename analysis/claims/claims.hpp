// SPDX-License-Identifier: MIT
// The claims of a descriptor, held against what was measured.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "analysis/measures/measures.hpp"

namespace ring3::analysis {

enum class Verdict : std::uint8_t { met, not_met, undecided };
const char* verdict_name(Verdict verdict);

/// Met if the whole interval lies inside the bounds (NaN: no bound), not met if it lies outside of
/// them, and else undecided. Without an interval always undecided.
Verdict verdict_on(const Estimate& ratio, double at_least, double at_most);

struct ClaimResult {
    Claim claim;
    Verdict verdict = Verdict::undecided;
    std::optional<Estimate> ratio;  ///< speed of `platform` in units of that of `than`
    std::size_t quantities = 0;     ///< that both have measured
    std::string reason;             ///< why it is undecided, or what was missing
};

std::vector<ClaimResult> evaluate_claims(const Campaign& campaign,
                                         const std::vector<Measured>& measured);

/// "at least 0.5", "between 0.9 and 1.1"
std::string bounds_text(const Claim& claim);

}  // namespace ring3::analysis
