// SPDX-License-Identifier: MIT
// One chart of each kind, from made-up numbers.
#pragma once

#include <vector>

#include "analysis/charts/kinds.hpp"

namespace ring3::analysis {

std::vector<Chart> sample_charts();

}  // namespace ring3::analysis
