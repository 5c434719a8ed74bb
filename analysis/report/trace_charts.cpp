// SPDX-License-Identifier: MIT
#include "analysis/report/trace_charts.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <sstream>

#include <fmt/format.h>

#include "analysis/charts/kinds.hpp"
#include "analysis/text/numbers.hpp"

namespace ring3::analysis {
namespace {

constexpr std::size_t most_turns = 240, most_names = 8, windows = 60;

/// Who had a pCPU from when to when.
struct Turn {
    double pcpu, start_ns, end_ns;
    std::string domain, vcpu;
};

/// The columns of a trace that charts need.
struct Events {
    const Column *time, *pcpu, *domain, *vcpu, *event, *first, *third;

    explicit Events(const Columns& table)
        : time(column_of(table, "time_ns")),
          pcpu(column_of(table, "pcpu")),
          domain(column_of(table, "domain")),
          vcpu(column_of(table, "vcpu")),
          event(column_of(table, "event")),
          first(column_of(table, "first")),
          third(column_of(table, "third")) {}

    bool are_whole() const { return time && pcpu && domain && vcpu && event; }
    std::size_t size() const { return time->numbers.size(); }
};

/// From the events "run" and "stop"; a turn without an end is left out.
std::vector<Turn> turns_of(const Run& run) {
    const Events events{run.events};
    std::vector<Turn> turns;
    if (!events.are_whole()) return turns;
    std::map<double, Turn> open;
    for (std::size_t row = 0; row < events.size(); ++row) {
        const std::string what = text_in(events.event, row);
        if (what != "run" && what != "stop") continue;
        const double at = events.time->numbers[row], pcpu = events.pcpu->numbers[row];
        if (const auto found = open.find(pcpu); found != open.end()) {
            found->second.end_ns = at;
            if (at > found->second.start_ns) turns.push_back(found->second);
            open.erase(found);
        }
        if (what == "run")
            open[pcpu] = {pcpu, at, at, text_in(events.domain, row), text_in(events.vcpu, row)};
    }
    return turns;
}

/// Where the turns begin to be worth a look: the first window in which every domain has run.
std::size_t first_of_all(const std::vector<Turn>& turns) {
    std::set<std::string> seen;
    std::size_t last_new = 0;
    for (std::size_t i = 0; i < turns.size(); ++i)
        if (seen.insert(turns[i].domain).second) last_new = i;
    return last_new < most_turns ? 0 : last_new - most_turns / 2;
}

/// As its config has it; a run that does not tell knows domains by their numbers.
std::string name_of(const Run& run, const std::string& domain) {
    const auto listed = run.meta.find("domains");
    if (domain == "0" || listed == run.meta.end()) return "domain " + domain;
    std::istringstream names(listed->second);
    std::string name;
    for (int left = std::stoi(domain); left > 0; --left)
        if (!std::getline(names, name, ',')) return "domain " + domain;
    return name;
}

template <typename List, typename Make>
std::size_t index_in(List& list, const std::string& name, Make make) {
    for (std::size_t i = 0; i < list.size(); ++i)
        if (list[i].label == name) return i;
    list.push_back(make());
    return list.size() - 1;
}

}  // namespace

const Column* column_of(const Columns& table, const std::string& name) {
    const auto found = std::ranges::find(table, name, &Column::name);
    return found == table.end() ? nullptr : &*found;
}

std::string text_in(const Column* column, std::size_t row) {
    return column->texts.empty() ? fmt::format("{:g}", column->numbers[row]) : column->texts[row];
}

std::optional<Chart> schedule_chart(const Run& run, const std::string& label) {
    GanttChart chart{{fmt::format("schedule-{}", run.run), "Who ran when",
                      fmt::format("The first turns in which every domain has run, of {}. White: "
                                  "idle.",
                                  label),
                      "A lane for each pCPU, a colour for each vCPU."},
                     {},
                     {},
                     {}};
    const std::vector<Turn> turns = turns_of(run);
    std::set<double> pcpus;
    for (const Turn& turn : turns) pcpus.insert(turn.pcpu);
    for (const double pcpu : pcpus) chart.lanes.push_back(fmt::format("pCPU {:g}", pcpu));
    Palette palette;
    const std::size_t start = first_of_all(turns);
    for (std::size_t i = start; i < std::min(turns.size(), start + most_turns); ++i) {
        const Turn& turn = turns[i];
        const std::string who = fmt::format("d{}v{}", turn.domain, turn.vcpu);
        const std::size_t index = index_in(chart.who, who, [&] {
            return GanttChart::Who{who, palette.look(who)};
        });
        const auto lane =
            static_cast<std::size_t>(std::distance(pcpus.begin(), pcpus.find(turn.pcpu)));
        chart.turns.push_back({lane, index, turn.start_ns / 1e6, turn.end_ns / 1e6});
    }
    if (chart.turns.empty() || chart.who.size() > most_names) return std::nullopt;
    return draw_gantt(chart);
}

std::optional<Chart> share_chart(const Run& run, const std::string& label) {
    const std::vector<Turn> turns = turns_of(run);
    if (turns.empty()) return std::nullopt;
    double first = turns.front().start_ns, last = first;
    for (const Turn& turn : turns) {
        first = std::min(first, turn.start_ns);
        last = std::max(last, turn.end_ns);
    }
    const double width = (last - first) / windows;
    std::map<std::string, std::vector<double>> shares;
    for (const Turn& turn : turns) {
        std::vector<double>& of_domain = shares[turn.domain];
        of_domain.resize(windows);
        for (std::size_t i = 0; i < windows; ++i) {
            const double start = first + width * static_cast<double>(i);
            const double inside =
                std::min(turn.end_ns, start + width) - std::max(turn.start_ns, start);
            if (inside > 0) of_domain[i] += inside / width;
        }
    }
    if (shares.size() > most_names) return std::nullopt;
    SeriesChart chart{
        {fmt::format("shares-{}", run.run), "CPUs over time",
         fmt::format("How many pCPUs each domain had, in {} windows of the first {} s of {}.",
                     windows, significant(last / 1e9), label),
         "A line for each domain."},
        "virtual time (s)",
        "pCPUs in use",
        {}};
    Palette palette;
    for (const auto& [domain, values] : shares) {
        Line line{name_of(run, domain), palette.look(domain), {}, false};
        for (std::size_t i = 0; i < windows; ++i)
            line.at.push_back(
                {(first + width * static_cast<double>(i)) / 1e9, values[i], std::nullopt});
        chart.lines.push_back(line);
    }
    return draw_series(chart);
}

std::optional<Chart> memory_chart(const Run& run, const std::string& label) {
    const Events events{run.events};
    if (!events.are_whole() || events.first == nullptr || events.third == nullptr)
        return std::nullopt;
    SeriesChart chart{{fmt::format("memory-{}", run.run), "Memory over time",
                       fmt::format("Extents that each domain has taken, less those it has given "
                                   "back, since the start of {}.",
                                   label),
                       "A line for each domain."},
                      "virtual time (s)",
                      "extents since the start",
                      {}};
    constexpr double decrease = 1;  // XENMEM_decrease_reservation; the others add
    Palette palette;
    for (std::size_t row = 0; row < events.size(); ++row) {
        if (text_in(events.event, row) != "reservation") continue;
        const std::string domain = text_in(events.domain, row);
        const std::string name = name_of(run, domain);
        const std::size_t index = index_in(chart.lines, name, [&] {
            return Line{name, palette.look(domain), {{0, 0, std::nullopt}}, false};
        });
        std::vector<Line::At>& at = chart.lines[index].at;
        const double done = events.third->numbers[row];
        const double change = events.first->numbers[row] == decrease ? -done : done;
        at.push_back({events.time->numbers[row] / 1e9, at.back().y + change, std::nullopt});
    }
    if (chart.lines.empty() || chart.lines.size() > most_names) return std::nullopt;
    return draw_series(chart);
}

}  // namespace ring3::analysis
