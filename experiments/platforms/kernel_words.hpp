// SPDX-License-Identifier: MIT
// What every guest's kernel is told alike: what to run.
#pragma once

#include <string>
#include <vector>

#include "experiments/platforms/platform.hpp"

namespace ring3::experiment {

/// "rw", "init=...", "workloads=...", and the descriptor's own words; not where the root is.
std::vector<std::string> kernel_words(const Boot& boot);

}  // namespace ring3::experiment
