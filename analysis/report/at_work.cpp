// SPDX-License-Identifier: MIT
// The section about domains that all work: who had how much of the CPUs, and how long those waited
// who woke, while all domains were at work.
#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "analysis/charts/kinds.hpp"
#include "analysis/report/evaluation.hpp"
#include "analysis/report/factors.hpp"
#include "analysis/text/numbers.hpp"

namespace ring3::analysis {
namespace {

constexpr std::size_t most_domains = 10, most_points = 24;
constexpr const char* machine = "";

/// "busy-17": one of many alike.
bool is_numbered(const std::string& domain) {
    const std::size_t dash = domain.rfind('-');
    return dash != domain.npos && dash + 1 < domain.size() &&
           domain.find_first_not_of("0123456789", dash + 1) == domain.npos;
}

/// All domains, or where they are many those that are not many alike.
std::vector<std::string> domains_of(const std::vector<const Measured*>& points) {
    std::set<std::string> all, few;
    for (const Measured* const one : points)
        for (const auto& [quantity, measure] : one->schedule) {
            if (quantity.domain == machine) continue;
            all.insert(quantity.domain);
            if (!is_numbered(quantity.domain)) few.insert(quantity.domain);
        }
    const std::set<std::string>& chosen = all.size() <= most_domains ? all : few;
    return {chosen.begin(), chosen.end()};
}

const Measure* find(const Measured& one, const std::string& domain, const char* metric) {
    const auto found = one.schedule.find({domain, "schedule", metric});
    return found == one.schedule.end() ? nullptr : &found->second;
}

/// One value as text; times in ms.
std::string cell(const Measured& one, const std::string& domain, const char* metric, double unit) {
    const Measure* const measure = find(one, domain, metric);
    return measure ? significant(estimate_median(measure->sample).value / unit) : "-";
}

Table waits_table(const std::vector<const Measured*>& points,
                  const std::vector<std::string>& domains) {
    constexpr double us_per_ms = 1000;
    Table table{
        {"point", "domain", "pCPUs", "turns per s", "mean wait (ms)", "median", "95 %", "worst"},
        {},
        "While all domains were at work: how much of the pCPUs each had, how often it got "
        "one, and how long it waited for one when it woke."};
    for (const Measured* const one : points)
        for (const std::string& domain : domains) {
            if (find(*one, domain, "cpus") == nullptr && find(*one, domain, "turns") == nullptr)
                continue;
            table.rows.push_back({one->point.label(), domain, cell(*one, domain, "cpus", 1),
                                  cell(*one, domain, "turns", 1),
                                  cell(*one, domain, "wait_mean", us_per_ms),
                                  cell(*one, domain, "wait_median", us_per_ms),
                                  cell(*one, domain, "wait_p95", us_per_ms),
                                  cell(*one, domain, "wait_worst", us_per_ms)});
        }
    return table;
}

Table rates_table(const std::vector<const Measured*>& points) {
    Table table{{"point", "window (s)", "instructions per us"},
                {},
                "All domains together, while all were at work."};
    for (const Measured* const one : points)
        if (find(*one, machine, "mips") != nullptr)
            table.rows.push_back({one->point.label(), cell(*one, machine, "window", 1),
                                  cell(*one, machine, "mips", 1)});
    return table;
}

/// "2, gang" of "domains.count=2;scheduler.name=gang": the caption has the names.
std::string values_of(const std::string& factors) {
    std::string values;
    for (const auto& [key, value] : parse_factors(factors))
        values += (values.empty() ? "" : ", ") + value;
    return values;
}

std::string keys_of(const std::string& factors) {
    std::string keys;
    for (const auto& [key, value] : parse_factors(factors))
        keys += (keys.empty() ? "" : ", ") + key;
    return keys;
}

Chart shares_chart(const Evaluation& evaluation, const std::vector<const Measured*>& points,
                   std::vector<std::string> domains) {
    BarChart chart{{"at-work-shares", "Shares of the CPUs",
                    "How many pCPUs each domain had while all were at work; on top the number.",
                    "Bars of domains, in groups by point."},
                   "pCPUs",
                   {},
                   {},
                   BarChart::Scale::amounts};
    const std::string keys = keys_of(points.front()->point.factors);
    if (!keys.empty()) chart.about.caption += fmt::format(" Groups: {}.", keys);
    std::erase_if(domains, [&](const std::string& domain) {
        return std::ranges::none_of(points, [&](const Measured* one) {
            const Measure* const cpus = find(*one, domain, "cpus");
            return cpus != nullptr && estimate_median(cpus->sample).value > 0;
        });
    });
    const bool is_one_platform = std::ranges::all_of(points, [&](const Measured* one) {
        return one->point.platform == points.front()->point.platform;
    });
    Palette palette;
    for (const std::string& domain : domains)
        chart.series.push_back({domain, palette.look(domain), false});
    for (const Measured* const one : points) {
        const std::string values = values_of(one->point.factors);
        BarChart::Group group{values, {}};
        if (!is_one_platform || values.empty()) {
            const std::string& platform = one->point.platform;
            group.label = values.empty() ? evaluation.label(one->point) : platform + ", " + values;
        }
        for (std::size_t i = 0; i < domains.size(); ++i)
            if (const Measure* const measure = find(*one, domains[i], "cpus")) {
                const double value = estimate_median(measure->sample).value;
                group.bars.push_back({i, value, std::nullopt, significant(value, 2)});
            }
        chart.groups.push_back(std::move(group));
    }
    return draw_bars(chart);
}

}  // namespace

void add_at_work(const Evaluation& evaluation, Document& document) {
    std::vector<const Measured*> points;
    for (const Measured& one : evaluation.measured)
        if (!one.schedule.empty()) points.push_back(&one);
    if (points.empty()) return;
    document.heading("While all domains were at work");
    const std::vector<std::string> domains = domains_of(points);
    if (points.size() <= most_points && !domains.empty())
        document.add(shares_chart(evaluation, points, domains));
    document.add(waits_table(points, domains));
    if (Table rates = rates_table(points); !rates.rows.empty()) document.add(std::move(rates));
}

}  // namespace ring3::analysis
