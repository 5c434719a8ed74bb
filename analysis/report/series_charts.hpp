// SPDX-License-Identifier: MIT
// Charts from the series of one run (/series of its file): memory, what vCPUs did, how full rings
// were. Nothing where the run has no such series.
#pragma once

#include <optional>
#include <string>

#include "analysis/charts/chart.hpp"
#include "analysis/load/campaign.hpp"

namespace ring3::analysis {

/// `label` names the run in captions.
std::optional<Chart> memory_series_chart(const Run& run, const std::string& label);
std::optional<Chart> run_state_chart(const Run& run, const std::string& label);
std::optional<Chart> ring_chart(const Run& run, const std::string& label);

}  // namespace ring3::analysis
