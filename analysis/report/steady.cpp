// SPDX-License-Identifier: MIT
// The section about steady states: where a workload has a rule for one, when it held.
#include <algorithm>

#include <fmt/format.h>

#include "analysis/load/counting.hpp"
#include "analysis/report/evaluation.hpp"
#include "analysis/text/numbers.hpp"

namespace ring3::analysis {
namespace {

bool is_at(const Cell& cell, const Point& point) {
    return cell.platform == point.platform && cell.workload == point.workload &&
           cell.size == point.size && cell.factors == point.factors;
}

/// What the rule found in each run of a point that ended well.
std::vector<const Steady*> found_in(const Campaign& campaign, const Point& point,
                                    const Quantity& quantity) {
    std::vector<const Steady*> found;
    for (const Run& run : campaign.runs) {
        if (run.status != Status::ok || !is_at(campaign.cell_of(run), point)) continue;
        const Steady* const one =
            steady_of(run, quantity.domain, quantity.program, quantity.metric);
        if (one != nullptr) found.push_back(one);
    }
    return found;
}

std::vector<std::string> row_of(const Evaluation& evaluation, const Point& point,
                                const Quantity& quantity, const std::vector<const Steady*>& runs) {
    std::size_t reached = 0;
    std::uint32_t earliest = ~0U, latest = 0;
    double variation = 0, drift = 0;
    for (const Steady* const run : runs) {
        variation = std::max(variation, run->variation);
        drift = std::max(drift, run->drift);
        if (!run->is_reached) continue;
        ++reached;
        earliest = std::min(earliest, run->first);
        latest = std::max(latest, run->first);
    }
    std::string from = "-";
    // For people the first iteration is 1.
    if (reached > 0) from = fmt::format("{}", earliest + 1);
    if (reached > 0 && latest > earliest) from += fmt::format(" to {}", latest + 1);
    return {point.workload,
            quantity.label(),
            evaluation.label(point),
            fmt::format("{} of {}", reached, runs.size()),
            from,
            fmt::format("{}", runs[0]->window),
            significant(variation),
            significant(drift)};
}

}  // namespace

void add_steady(const Evaluation& evaluation, Document& document) {
    Table table{
        {"workload", "program", "platform", "steady runs", "from iteration", "window",
         "greatest variation", "greatest drift"},
        {},
        "Where iterations became steady by the descriptor's rule; those before it are recorded, "
        "and count for nothing, as do runs that never became steady. Variation: standard "
        "deviation over mean in the first window that the rule held in (else the last one); "
        "drift: what a line through it rises or falls, over the mean."};
    for (const Measured& one : evaluation.measured)
        for (const auto& [quantity, measure] : one.measures) {
            const auto runs = found_in(evaluation.campaign, one.point, quantity);
            if (!runs.empty()) table.rows.push_back(row_of(evaluation, one.point, quantity, runs));
        }
    if (table.rows.empty()) return;
    document.heading("Steady states");
    document.add(table);
    for (const Measured& one : evaluation.measured)
        if (!one.unsteady.empty())
            document.warning(fmt::format(
                "{} {}: {} never steady by the rule, the first of them in {}; not counted.",
                one.point.label(), one.point.workload,
                one.unsteady.size() == 1 ? "one series was"
                                         : fmt::format("{} series were", one.unsteady.size()),
                one.unsteady[0]));
}

}  // namespace ring3::analysis
