// SPDX-License-Identifier: MIT
// How numbers are written, in charts and reports alike.
#pragma once

#include <string>

#include "analysis/stats/estimate.hpp"

namespace ring3::analysis {

/// With so many digits that count, never as 1e5: 0.0123, 4.57, 1714.
std::string significant(double number, int digits = 3);

/// "0.955"
std::string ratio_text(double ratio);

/// "[0.93, 0.98]", "exact", or a dash where there is none; a level below 0.95 is told.
std::string interval_text(const Estimate& estimate, int digits = 3);

/// What the interval is: for captions.
std::string how_text(Estimate::How how);

}  // namespace ring3::analysis
