// SPDX-License-Identifier: MIT
// The section about time inside of a run: series, such as memory, and the schedule.
#include <set>

#include <fmt/format.h>

#include "analysis/report/evaluation.hpp"
#include "analysis/report/series_charts.hpp"
#include "analysis/report/trace_charts.hpp"

namespace ring3::analysis {
namespace {

constexpr std::size_t most_charts = 12;

/// What a run's charts are called by.
std::string run_label(const Evaluation& evaluation, const Run& run) {
    const Cell& cell = evaluation.campaign.cell_of(run);
    return fmt::format("run {}: {}{} {}", run.run, cell.platform,
                       cell.factors.empty() ? "" : fmt::format(" ({})", cell.factors),
                       cell.workload);
}

}  // namespace

void add_timelines(const Evaluation& evaluation, Document& document) {
    Document inner;
    std::set<std::uint32_t> cells;
    for (const Run& run : evaluation.campaign.runs) {
        // A repetition shows the same.
        if (run.status != Status::ok || !cells.insert(run.cell).second) continue;
        if (inner.blocks.size() >= most_charts) break;
        const std::string label = run_label(evaluation, run);
        // A run's series know more of its memory than its trace does.
        const bool has_series = run.series.contains("memory");
        for (const auto& draw :
             {schedule_chart, share_chart, has_series ? memory_series_chart : memory_chart,
              run_state_chart, ring_chart})
            if (const auto chart = draw(run, label)) inner.add(*chart);
        add_schedule(run, label, inner);
    }
    if (inner.blocks.empty()) return;
    document.heading("Over time");
    document.append(std::move(inner));
}

}  // namespace ring3::analysis
