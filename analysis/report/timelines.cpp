// SPDX-License-Identifier: MIT
// The section about time inside of a run: series, such as memory, and the schedule.
#include <algorithm>
#include <cmath>
#include <set>

#include <fmt/format.h>

#include "analysis/report/evaluation.hpp"

namespace ring3::analysis {
namespace {

constexpr std::size_t most_charts = 4, most_turns = 240, most_lines = 8;

const Column* column_of(const Columns& table, const std::string& name) {
    const auto found = std::ranges::find(table, name, &Column::name);
    return found == table.end() ? nullptr : &*found;
}

std::string name_of(const Column* column, std::size_t row) {
    if (column == nullptr) return "";
    return column->texts.empty() ? fmt::format("{:g}", column->numbers[row]) : column->texts[row];
}

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
        const std::string label = domain ? "domain " + name_of(domain, row) : values.name;
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

/// The index of a name that grows the list where it is new.
template <typename Make>
std::size_t index_of(std::vector<std::string>& names, const std::string& name, Make make) {
    const auto found = std::ranges::find(names, name);
    if (found != names.end()) return static_cast<std::size_t>(found - names.begin());
    names.push_back(name);
    make();
    return names.size() - 1;
}

/// From the trace's events "run" and "stop" of each pCPU; the first that show every domain.
std::optional<Chart> gantt_chart(const Evaluation& evaluation, const Run& run) {
    const Columns& events = run.events;
    const Column *time = column_of(events, "time_ns"), *pcpu = column_of(events, "pcpu"),
                 *domain = column_of(events, "domain"), *vcpu = column_of(events, "vcpu"),
                 *event = column_of(events, "event");
    if (time == nullptr || pcpu == nullptr || domain == nullptr || event == nullptr)
        return std::nullopt;
    GanttChart chart{{fmt::format("schedule-{}", run.run), "Who ran when",
                      fmt::format("The first turns on each pCPU in which every domain has run, of "
                                  "{}. White: idle.",
                                  run_label(evaluation, run)),
                      "A lane for each pCPU, a colour for each vCPU."},
                     {},
                     {},
                     {}};
    Palette palette;
    std::vector<std::string> lanes, whos;
    std::map<double, std::pair<double, std::size_t>> open;  // by pCPU: since when, who
    for (std::size_t row = 0; row < time->numbers.size() && chart.turns.size() < most_turns;
         ++row) {
        const std::string what = name_of(event, row);
        if (what != "run" && what != "stop") continue;
        const double at = time->numbers[row], lane = pcpu->numbers[row];
        if (const auto found = open.find(lane); found != open.end()) {
            const std::string label = fmt::format("pCPU {:g}", lane);
            const std::size_t index = index_of(lanes, label, [&] { chart.lanes.push_back(label); });
            chart.turns.push_back(
                {index, found->second.second, found->second.first / 1e6, at / 1e6});
            open.erase(found);
        }
        if (what != "run") continue;
        const std::string who =
            fmt::format("d{}v{}", name_of(domain, row), vcpu == nullptr ? "0" : name_of(vcpu, row));
        open[lane] = {at, index_of(whos, who, [&] {
                          chart.who.push_back({who, palette.look(who)});
                      })};
    }
    if (chart.turns.empty() || chart.who.size() > most_lines) return std::nullopt;
    return draw_gantt(chart);
}

}  // namespace

void add_timelines(const Evaluation& evaluation, Document& document) {
    Document inner;
    std::set<std::uint32_t> cells;
    for (const Run& run : evaluation.campaign.runs) {
        // A repetition shows the same.
        if (run.status != Status::ok || !cells.insert(run.cell).second) continue;
        if (inner.blocks.size() >= most_charts) break;
        if (const auto chart = gantt_chart(evaluation, run)) inner.add(*chart);
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
