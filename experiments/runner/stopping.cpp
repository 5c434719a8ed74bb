// SPDX-License-Identifier: MIT
#include "experiments/runner/stopping.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "analysis/load/counting.hpp"
#include "analysis/stats/statistics.hpp"

namespace ring3::experiment {
namespace {

constexpr double level = 0.95;

bool is_narrow(const std::vector<double>& sample, double relative_width) {
    const analysis::Interval interval = analysis::order_statistic_interval(sample, level);
    return interval.level >= level &&
           interval.high - interval.low <= relative_width * analysis::median(sample);
}

}  // namespace

void CellValues::add(const analysis::Run& run) {
    ++runs_;
    const bool has_warm = std::ranges::any_of(run.values, &analysis::Value::warm);
    std::map<std::string, std::vector<double>> counted;
    for (const analysis::Value& value : run.values)
        if (value.ok && analysis::counts(run, value, has_warm))
            counted[fmt::format("{} {} {}", value.domain, value.program, value.metric)].push_back(
                value.value);
    for (const auto& [name, sample] : counted) medians_[name].push_back(analysis::median(sample));
}

bool is_settled(const StoppingRule& rule, const CellValues& values) {
    if (rule.relative_interval == 0 || values.runs() < rule.least || values.medians().empty())
        return false;
    return std::ranges::all_of(values.medians(), [&](const auto& entry) {
        return is_narrow(entry.second, rule.relative_interval);
    });
}

}  // namespace ring3::experiment
