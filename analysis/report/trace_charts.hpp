// SPDX-License-Identifier: MIT
// Charts and tables from the trace of one run: who ran when, shares of the CPUs, how fair that was,
// memory. Nothing where the trace has no such events.
#pragma once

#include <optional>
#include <string>

#include "analysis/charts/chart.hpp"
#include "analysis/load/campaign.hpp"
#include "analysis/report/document.hpp"

namespace ring3::analysis {

/// `label` names the run in captions.
std::optional<Chart> schedule_chart(const Run& run, const std::string& label);
std::optional<Chart> share_chart(const Run& run, const std::string& label);
std::optional<Chart> memory_chart(const Run& run, const std::string& label);
/// Errors of shares against weights, lag, fairness, waits: of runs with several vCPUs.
void add_schedule(const Run& run, const std::string& label, Document& document);

const Column* column_of(const Columns& table, const std::string& name);
/// A cell of any column, as text.
std::string text_in(const Column* column, std::size_t row);

}  // namespace ring3::analysis
