// SPDX-License-Identifier: MIT
// How fair a run's schedule was and how long who woke waited, from its trace.
#include <algorithm>
#include <cmath>
#include <optional>

#include <fmt/format.h>

#include "analysis/charts/kinds.hpp"
#include "analysis/measures/schedule.hpp"
#include "analysis/report/trace_charts.hpp"

namespace ring3::analysis {
namespace {

constexpr std::size_t most_rows = 32, most_lines = 8, fewest_waits = 10;

std::string ms(double ns) { return fmt::format("{:.3f}", ns / 1e6); }
std::string percent(double part) { return fmt::format("{:.2f} %", 100 * part); }

void add_errors(const std::vector<VcpuHistory>& histories, const std::string& label,
                Document& document) {
    Table table{{"window", "windows", "mean error", "greatest error"},
                {},
                fmt::format("Allocation error of {}: |got - due| / due, over windows in which at "
                            "least two vCPUs wanted to run throughout; due is what they got "
                            "together, by weight, at most a pCPU each.",
                            label)};
    for (const auto& [ns, name] :
         {std::pair{10e6, "10 ms"}, std::pair{100e6, "100 ms"}, std::pair{1e9, "1 s"}}) {
        const AllocationError error = allocation_error(histories, ns);
        if (error.windows == 0) continue;
        table.rows.push_back(
            {name, fmt::format("{}", error.windows), percent(error.mean), percent(error.greatest)});
    }
    if (!table.rows.empty()) document.add(std::move(table));
}

void add_vcpus(const std::vector<VcpuHistory>& histories, const std::string& label,
               Document& document) {
    const std::vector<Competition> all = competition(histories);
    Table table{{"vCPU", "weight", "got / due", "greatest lag, ms", "greatest lead, ms", "wakes",
                 "wait p50, ms", "p90", "p99", "most"},
                {},
                fmt::format("Each vCPU of {}; Jain's index of got / due: {:.4f}. Lag and lead are "
                            "at boundaries of 10 ms; waits are from a wake to the run after it.",
                            label, fairness(all))};
    for (std::size_t i = 0; i < std::min(histories.size(), most_rows); ++i) {
        const VcpuHistory& history = histories[i];
        const Competition& of = all[i];
        std::vector<std::string> row{
            history.who,
            fmt::format("{:g}", history.weight_at(INFINITY)),
            of.due_ns > 0 ? fmt::format("{:.4f}", of.got_ns / of.due_ns) : "-",
            ms(of.greatest_lag_ns),
            ms(of.greatest_lead_ns),
            fmt::format("{}", history.wake_to_run_ns.size())};
        for (const double p : {0.5, 0.9, 0.99, 1.0})
            row.push_back(history.wake_to_run_ns.empty() ? "-"
                                                         : ms(quantile(history.wake_to_run_ns, p)));
        table.rows.push_back(std::move(row));
    }
    if (histories.size() > most_rows)
        table.caption += fmt::format(" The first {} of {}.", most_rows, histories.size());
    document.add(std::move(table));
}

std::optional<Chart> wait_chart(const Run& run, const std::vector<VcpuHistory>& histories,
                                const std::string& label) {
    EcdfChart chart{{fmt::format("waits-{}", run.run), "From wake to run",
                     fmt::format("How long a vCPU that woke waited for a pCPU, in {}.", label),
                     "A step for each wait, a line for each vCPU."},
                    "wait (ms)",
                    {}};
    Palette palette;
    for (const VcpuHistory& history : histories) {
        if (history.wake_to_run_ns.size() < fewest_waits) continue;
        EcdfChart::Series series{history.who, palette.look(history.who), {}};
        for (const double ns : history.wake_to_run_ns) series.values.push_back(ns / 1e6);
        chart.series.push_back(std::move(series));
    }
    if (chart.series.empty() || chart.series.size() > most_lines) return std::nullopt;
    return draw_ecdf(chart);
}

}  // namespace

void add_schedule(const Run& run, const std::string& label, Document& document) {
    const std::vector<VcpuHistory> histories = histories_of(run.events);
    // Alone, nobody competes.
    if (histories.size() < 2) return;
    add_errors(histories, label, document);
    add_vcpus(histories, label, document);
    if (const auto chart = wait_chart(run, histories, label)) document.add(*chart);
}

}  // namespace ring3::analysis
