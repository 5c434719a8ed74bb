// SPDX-License-Identifier: MIT
#include "analysis/report/series_charts.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "analysis/charts/kinds.hpp"
#include "analysis/report/trace_charts.hpp"

namespace ring3::analysis {
namespace {

constexpr std::size_t most_lines = 8, windows = 120;
constexpr double mib_per_page = 4096.0 / (1 << 20);
constexpr const char* time_label = "time of the machine (s)";

std::string domain_label(const Column* domain, std::size_t row) {
    const std::string name = text_in(domain, row);
    return name.empty() ? "guest" : name;
}

/// Columns of one of the run's series, in the order asked for; no series, or not all of them: none.
template <std::size_t count>
std::optional<std::array<const Column*, count>> columns_of(
    const Run& run, const char* series, const std::array<const char*, count>& names) {
    const auto found = run.series.find(series);
    if (found == run.series.end()) return std::nullopt;
    std::array<const Column*, count> columns{};
    for (std::size_t i = 0; i < count; ++i) {
        columns[i] = column_of(found->second, names[i]);
        if (columns[i] == nullptr) return std::nullopt;
    }
    return columns;
}

Line& line_of(std::vector<Line>& lines, Palette& palette, const std::string& label) {
    const auto found = std::ranges::find(lines, label, &Line::label);
    if (found != lines.end()) return *found;
    return lines.emplace_back(Line{label, palette.look(label), {}, false});
}

/// What a domain's vCPUs did until some moment, together.
struct Totals {
    double at_s = 0;
    std::array<double, 3> states_s{};  ///< running, runnable, blocked
};

/// By domain, in the order of their first samples.
std::vector<std::pair<std::string, std::vector<Totals>>> totals_of(const Run& run) {
    const auto columns = columns_of<5>(
        run, "runstates", {"time_ns", "domain", "running_ns", "runnable_ns", "blocked_ns"});
    std::vector<std::pair<std::string, std::vector<Totals>>> domains;
    if (!columns) return domains;
    const auto& [time, domain, running, runnable, blocked] = *columns;
    for (std::size_t row = 0; row < time->numbers.size(); ++row) {
        const std::string name = domain_label(domain, row);
        auto found = std::ranges::find(domains, name, [](const auto& one) { return one.first; });
        if (found == domains.end()) found = domains.insert(domains.end(), {name, {}});
        const double at = time->numbers[row] / 1e9;
        std::vector<Totals>& totals = found->second;
        if (totals.empty() || totals.back().at_s != at) totals.push_back({at, {}});
        totals.back().states_s[0] += running->numbers[row] / 1e9;
        totals.back().states_s[1] += runnable->numbers[row] / 1e9;
        totals.back().states_s[2] += blocked->numbers[row] / 1e9;
    }
    return domains;
}

/// How many vCPUs were in this state in each of so many windows: from one sample to a later one.
std::vector<Line::At> shares(const std::vector<Totals>& totals, std::size_t state) {
    std::vector<Line::At> at;
    const std::size_t step = std::max<std::size_t>(1, totals.size() / windows);
    for (std::size_t i = 0; i + step < totals.size(); i += step) {
        const Totals &from = totals[i], &to = totals[i + step];
        const double share = (to.states_s[state] - from.states_s[state]) / (to.at_s - from.at_s);
        at.push_back({from.at_s, share, std::nullopt});
        // Steps end where the next one begins: the last needs an end of its own.
        if (i + 2 * step >= totals.size()) at.push_back({to.at_s, share, std::nullopt});
    }
    return at;
}

}  // namespace

std::optional<Chart> memory_series_chart(const Run& run, const std::string& label) {
    const auto columns =
        columns_of<4>(run, "memory", {"time_ns", "domain", "populated_pages", "target_pages"});
    if (!columns) return std::nullopt;
    const auto& [time, domain, populated, target] = *columns;
    SeriesChart chart{{fmt::format("memory-{}", run.run), "Memory over time",
                       fmt::format("What each domain owns, of {}; a target is shown where it is "
                                   "another than that.",
                                   label),
                       "A line for each domain, and for the target of its balloon."},
                      time_label,
                      "memory (MiB)",
                      {}};
    Palette palette;
    for (std::size_t row = 0; row < time->numbers.size(); ++row) {
        const double at = time->numbers[row] / 1e9;
        const std::string name = domain_label(domain, row);
        line_of(chart.lines, palette, name)
            .at.push_back({at, populated->numbers[row] * mib_per_page, std::nullopt});
        line_of(chart.lines, palette, name + ", target")
            .at.push_back({at, target->numbers[row] * mib_per_page, std::nullopt});
    }
    // A balloon may stop a few pages short of its target.
    constexpr double slack_mib = 1;
    for (std::size_t i = 1; i < chart.lines.size(); ++i) {
        const std::vector<Line::At>&owned = chart.lines[i - 1].at, &wanted = chart.lines[i].at;
        if (!chart.lines[i].label.ends_with(", target")) continue;
        const bool is_reached = std::ranges::equal(owned, wanted, [&](auto one, auto other) {
            return std::abs(one.y - other.y) <= slack_mib;
        });
        if (is_reached) chart.lines.erase(chart.lines.begin() + static_cast<std::ptrdiff_t>(i--));
    }
    // Where nobody's memory changes there is nothing to see.
    const bool is_flat = std::ranges::all_of(chart.lines, [](const Line& line) {
        return std::ranges::all_of(line.at,
                                   [&](const Line::At& at) { return at.y == line.at.front().y; });
    });
    if (is_flat || chart.lines.size() > most_lines) return std::nullopt;
    return draw_series(chart);
}

std::optional<Chart> run_state_chart(const Run& run, const std::string& label) {
    const auto domains = totals_of(run);
    const bool is_one = domains.size() == 1;
    SeriesChart chart{
        {fmt::format("runstates-{}", run.run), "What vCPUs did over time",
         is_one
             ? fmt::format("How many vCPUs ran, could run but waited for a pCPU, or slept, of {}.",
                           label)
             : fmt::format("How many vCPUs of each domain could run but waited for a pCPU, of {}.",
                           label),
         is_one ? "A line for each state." : "A line for each domain."},
        time_label,
        is_one ? "vCPUs" : "vCPUs that wait for a pCPU",
        {}};
    Palette palette;
    for (const auto& [name, totals] : domains) {
        if (!is_one) {
            line_of(chart.lines, palette, name).at = shares(totals, 1);
            continue;
        }
        std::size_t state = 0;
        for (const char* what : {"running", "runnable, waits", "blocked"})
            line_of(chart.lines, palette, what).at = shares(totals, state++);
    }
    std::erase_if(chart.lines, [](const Line& line) { return line.at.empty(); });
    if (chart.lines.empty() || chart.lines.size() > most_lines) return std::nullopt;
    return draw_series(chart);
}

std::optional<Chart> ring_chart(const Run& run, const std::string& label) {
    const auto columns = columns_of<6>(
        run, "rings", {"time_ns", "domain", "device", "ring", "waiting", "in_flight"});
    if (!columns) return std::nullopt;
    const auto& [time, domain, device, ring, waiting, in_flight] = *columns;
    SeriesChart chart{
        {fmt::format("rings-{}", run.run), "Depths of rings over time",
         fmt::format("Requests that the back end has not answered yet, of {}.", label),
         "A line for each ring of a block device or a network interface."},
        time_label,
        "requests in the ring",
        {}};
    Palette palette;
    for (std::size_t row = 0; row < time->numbers.size(); ++row) {
        // A console's are bytes, and what a guest keeps posted for frames to come is no load.
        const std::string name = text_in(device, row), part = text_in(ring, row);
        if (name == "console" || part.ends_with("rx")) continue;
        line_of(chart.lines, palette,
                fmt::format("{} {} {}", domain_label(domain, row), name, part))
            .at.push_back({time->numbers[row] / 1e9,
                           waiting->numbers[row] + in_flight->numbers[row], std::nullopt});
    }
    // What never had anything in it shows nothing.
    std::erase_if(chart.lines, [](const Line& line) {
        return std::ranges::all_of(line.at, [](const Line::At& at) { return at.y == 0; });
    });
    if (chart.lines.empty() || chart.lines.size() > most_lines) return std::nullopt;
    return draw_series(chart);
}

}  // namespace ring3::analysis
