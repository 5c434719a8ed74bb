// SPDX-License-Identifier: MIT
// The section about time inside of a run: series, such as memory, and the schedule.
#include <algorithm>
#include <cmath>
#include <set>

#include <fmt/format.h>

#include "analysis/report/evaluation.hpp"
#include "analysis/report/trace_charts.hpp"

namespace ring3::analysis {
namespace {

constexpr std::size_t most_charts = 8, most_lines = 8;

/// What a run's charts are called by.
std::string run_label(const Evaluation& evaluation, const Run& run) {
    const Cell& cell = evaluation.campaign.cell_of(run);
    return fmt::format("run {}: {}{} {}", run.run, cell.platform,
                       cell.factors.empty() ? "" : fmt::format(" ({})", cell.factors),
                       cell.workload);
}

std::optional<Chart> series_chart(const Evaluation& evaluation, const Run& run,
                                  const std::string& name, const Columns& table,
                                  const Column& values) {
    const Column* const time = column_of(table, "time_ns");
    if (time == nullptr) return std::nullopt;
    const Column* const domain = column_of(table, "domain");
    SeriesChart chart{
        {fmt::format("series-{}-{}-{}", run.run, name, values.name),
         fmt::format("{} over time", values.name),
         fmt::format("{} of {}, as recorded.", values.name, run_label(evaluation, run)),
         fmt::format("{} over time, a line for each domain.", values.name)},
        "time in the run (s)",
        values.name,
        {}};
    Palette palette;
    for (std::size_t row = 0; row < values.numbers.size(); ++row) {
        const std::string label = domain ? "domain " + text_in(domain, row) : values.name;
        auto found = std::ranges::find(chart.lines, label, &Line::label);
        if (found == chart.lines.end()) {
            chart.lines.push_back({label, palette.look(label), {}, false});
            found = chart.lines.end() - 1;
        }
        found->at.push_back({time->numbers[row] / 1e9, values.numbers[row], std::nullopt});
    }
    if (chart.lines.empty() || chart.lines.size() > most_lines) return std::nullopt;
    return draw_series(chart);
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
        for (const auto& draw : {schedule_chart, share_chart, memory_chart})
            if (const auto chart = draw(run, label)) inner.add(*chart);
        add_schedule(run, label, inner);
        for (const auto& [name, table] : run.series)
            for (const Column& column : table)
                if (column.name != "time_ns" && column.name != "domain" && !column.numbers.empty())
                    if (const auto chart = series_chart(evaluation, run, name, table, column))
                        inner.add(*chart);
    }
    if (inner.blocks.empty()) return;
    document.heading("Over time");
    document.append(std::move(inner));
}

}  // namespace ring3::analysis
