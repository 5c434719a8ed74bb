// SPDX-License-Identifier: MIT
#include "experiments/runner/record/steady.hpp"

#include <cmath>
#include <map>
#include <string>
#include <tuple>

namespace ring3::record {
namespace {

struct Spread {
    double variation, drift;
};

/// Zero for equal values, whatever they are: under a virtual clock that is the normal case.
Spread spread_of(std::span<const double> window) {
    const auto n = static_cast<double>(window.size());
    double mean = 0;
    for (const double value : window) mean += value / n;
    const double middle = (n - 1) / 2;
    double squares = 0, moments = 0, position_squares = 0, position = 0;
    for (const double value : window) {
        squares += (value - mean) * (value - mean);
        moments += (position - middle) * (value - mean);
        position_squares += (position - middle) * (position - middle);
        ++position;
    }
    if (squares == 0) return {0, 0};
    const double rise = moments / position_squares * (n - 1);
    return {std::sqrt(squares / (n - 1)) / std::abs(mean), std::abs(rise / mean)};
}

}  // namespace

SteadySearch find_steady(std::span<const double> iterations, const experiment::SteadyRule& rule) {
    SteadySearch search{false, iterations.size(), 0, 0};
    for (std::size_t first = 0; first + rule.window <= iterations.size(); ++first) {
        const Spread spread = spread_of(iterations.subspan(first, rule.window));
        search.variation = spread.variation;
        search.drift = spread.drift;
        // A mean of zero gives infinity or no number, and neither is steady.
        search.is_reached = spread.variation <= rule.variation && spread.drift <= rule.drift;
        if (!search.is_reached) continue;
        search.first = first;
        break;
    }
    return search;
}

std::vector<Steady> steady_rows(const RunRecord& record, const std::vector<Value>& values) {
    std::map<std::tuple<std::string, std::string, std::string>, std::vector<double>> series;
    for (const Value& value : values)
        if (value.ok != 0)
            series[{std::string(value.domain.view()), std::string(value.program.view()),
                    std::string(value.metric.view())}]
                .push_back(value.value);
    std::vector<Steady> rows;
    for (const auto& [name, iterations] : series) {
        const auto& [domain, program, metric] = name;
        const auto planned = record.planned.find(domain);
        if (planned == record.planned.end() || planned->second.steady.window == 0) continue;
        // Of what is in the background rounds are counted, and no iterations.
        if (record.background.contains(domain)) continue;
        const experiment::SteadyRule& rule = planned->second.steady;
        const SteadySearch search = find_steady(iterations, rule);
        rows.push_back({domain, program, metric, search.is_reached,
                        static_cast<std::uint32_t>(search.first), rule.window, search.variation,
                        search.drift});
    }
    return rows;
}

}  // namespace ring3::record
