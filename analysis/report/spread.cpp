// SPDX-License-Identifier: MIT
// The sections about single runs: how they spread, in which order they ran, which were lost.
#include <algorithm>
#include <cmath>
#include <ctime>

#include <fmt/format.h>

#include "analysis/report/evaluation.hpp"
#include "analysis/text/numbers.hpp"

namespace ring3::analysis {
namespace {

constexpr std::size_t most_ecdfs = 3, fewest_for_ecdf = 10;

/// A run's speed in units of the baseline's medians: the geometric mean over all members.
std::vector<double> speeds_of_runs(const Measured& one, const Measured& base,
                                   const std::vector<Quantity>& members) {
    std::vector<std::vector<double>> ratios;
    for (const Quantity& quantity : members) {
        const auto mine = one.measures.find(quantity), its = base.measures.find(quantity);
        if (mine == one.measures.end() || its == base.measures.end() ||
            mine->second.sample.empty() || its->second.sample.empty())
            return {};
        const double unit = median(its->second.sample.run_medians());
        const std::vector<double> medians = mine->second.sample.run_medians();
        if (ratios.empty()) ratios.resize(medians.size());
        if (ratios.size() != medians.size()) return {};
        for (std::size_t i = 0; i < medians.size(); ++i)
            ratios[i].push_back(mine->second.better == Better::higher ? medians[i] / unit
                                                                      : unit / medians[i]);
    }
    std::vector<double> speeds;
    for (const auto& of_run : ratios) speeds.push_back(geometric_mean(of_run));
    return speeds;
}

std::size_t series_of(DotChart& chart, Palette& palette, const std::string& label,
                      const std::string& kind) {
    const auto found = std::ranges::find(chart.series, label, &DotChart::Series::label);
    if (found == chart.series.end()) chart.series.push_back({label, palette.look(label, kind)});
    return static_cast<std::size_t>(
        std::ranges::find(chart.series, label, &DotChart::Series::label) - chart.series.begin());
}

std::optional<Chart> dot_chart(const Evaluation& evaluation) {
    const std::string base_name = evaluation.baseline_name();
    DotChart chart{{"dots", "Every run",
                    fmt::format("A dot is one run: the geometric mean of its programs' speeds, in "
                                "units of the medians of {}. Boxes: quartiles and extremes, from "
                                "five runs on. Where dots coincide, the runs were equal.",
                                base_name),
                    "Speeds of single runs by workload and platform."},
                   fmt::format("speed relative to {}", base_name),
                   {},
                   {}};
    Palette palette;
    bool has_spread = false;
    for (const Suite& suite : suites_of(evaluation)) {
        DotChart::Group group{suite.row != nullptr
                                  ? fmt::format("{}\n{}", suite.row->title, suite.size)
                                  : fmt::format("{}\n{}", suite.workload, suite.size),
                              {}};
        for (const Measured& one : evaluation.measured) {
            const Measured* const base = evaluation.baseline_of(one);
            if (!suite.holds(one) || base == nullptr) continue;
            const std::vector<double> speeds = speeds_of_runs(one, *base, suite.members);
            if (speeds.empty()) continue;
            group.columns.push_back(
                {series_of(chart, palette, evaluation.label(one.point), one.point.platform_kind),
                 speeds});
            has_spread |= speeds.size() > 1;
        }
        if (!group.columns.empty()) chart.groups.push_back(group);
    }
    if (!has_spread || chart.series.size() > 8) return std::nullopt;
    return draw_dots(chart);
}

void add_ecdfs(const Evaluation& evaluation, Document& document) {
    std::map<std::pair<std::string, Quantity>, EcdfChart> charts;
    std::vector<std::pair<std::string, Quantity>> order;
    Palette palette;
    for (const Measured& one : evaluation.measured)
        for (const auto& [quantity, measure] : one.measures) {
            if (measure.sample.values() < fewest_for_ecdf) continue;
            const std::pair key{one.point.workload + " " + one.point.size, quantity};
            EcdfChart& chart = charts[key];
            if (chart.series.empty()) {
                order.push_back(key);
                const std::string what = fmt::format("{} {}", one.point.workload, quantity.label());
                chart.about = {fmt::format("ecdf-{}", order.size()),
                               fmt::format("Distribution of {}", what),
                               fmt::format("Share of all values, iterations of all runs, at or "
                                           "below a value; {} is better.",
                                           measure.better == Better::lower ? "left" : "right"),
                               fmt::format("Empirical distributions of {}.", what)};
                chart.x_label = fmt::format("{} ({})", what, measure.unit);
            }
            const std::string label = evaluation.label(one.point);
            chart.series.push_back(
                {label, palette.look(label, one.point.platform_kind), measure.sample.flat()});
        }
    std::size_t drawn = 0;
    for (const auto& key : order)
        if (charts[key].series.size() <= 8 && drawn++ < most_ecdfs)
            document.add(draw_ecdf(charts[key]));
}

}  // namespace

void add_spread(const Evaluation& evaluation, Document& document) {
    Document inner;
    if (const std::optional<Chart> chart = dot_chart(evaluation)) inner.add(*chart);
    add_ecdfs(evaluation, inner);
    if (inner.blocks.empty()) return;
    document.heading("Spread");
    document.append(std::move(inner));
}

void add_losses(const Evaluation& evaluation, Document& document) {
    const Campaign& campaign = evaluation.campaign;
    Table table{{"run", "platform", "workload", "status", "reason"}, {}, ""};
    for (const Run& run : campaign.runs) {
        if (run.status == Status::ok) continue;
        const Cell& cell = campaign.cell_of(run);
        table.rows.push_back({fmt::format("{}", run.run), cell.platform,
                              fmt::format("{} {}", cell.workload, cell.size),
                              status_name(run.status), run.reason});
    }
    for (const Measured& one : evaluation.measured)
        if (one.runs.empty())
            table.rows.push_back({"-", one.point.label(),
                                  fmt::format("{} {}", one.point.workload, one.point.size),
                                  "not run", ""});
    document.heading("Skipped, failed, did not run");
    if (table.rows.empty()) return document.paragraph("Every run came to its end.");
    table.caption = "DNR: the platform crashed or never answered. No value of these runs is used.";
    document.add(table);
}

namespace {

double relative_to_kind(const Evaluation& evaluation, const Run& run) {
    const Cell& cell = evaluation.campaign.cell_of(run);
    std::vector<double> ratios;
    for (const Measured& one : evaluation.measured) {
        if (one.point != Point{cell.platform, cell.platform_kind, cell.workload, cell.size,
                               cell.clock, cell.factors})
            continue;
        for (const auto& [quantity, measure] : one.measures) {
            std::vector<double> values;
            for (const Value& value : run.values)
                if (value.domain == quantity.domain && value.program == quantity.program &&
                    value.metric == quantity.metric && is_measured(value) &&
                    (value.warm || !measure.is_warm))
                    values.push_back(value.value);
            if (values.empty() || measure.sample.empty()) continue;
            const double middle = median(measure.sample.run_medians());
            const double mine = median(values);
            if (middle > 0 && mine > 0) ratios.push_back(mine / middle);
        }
    }
    return ratios.empty() ? std::nan("") : geometric_mean(ratios);
}

std::string utc(std::uint64_t ns) {
    const auto seconds = static_cast<std::time_t>(ns / 1'000'000'000);
    std::tm parts{};
    gmtime_r(&seconds, &parts);
    char text[32];
    std::strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &parts);
    return text;
}

Table run_table(const Evaluation& evaluation) {
    const Campaign& campaign = evaluation.campaign;
    Table table{{"run", "platform", "workload", "repetition", "seed", "status", "noise"}, {}, ""};
    const bool has_host = !campaign.host_runs.empty();
    if (has_host)
        for (const char* head : {"started (UTC)", "wall s", "CPU s", "RSS MiB", "load before",
                                 "load after", "jitter", "steal"})
            table.head.emplace_back(head);
    for (const Run& run : campaign.runs) {
        const Cell& cell = campaign.cell_of(run);
        std::vector<std::string> row{fmt::format("{}", run.run),
                                     cell.factors.empty()
                                         ? cell.platform
                                         : fmt::format("{} ({})", cell.platform, cell.factors),
                                     fmt::format("{} {}", cell.workload, cell.size),
                                     fmt::format("{}", run.repetition),
                                     fmt::format("{}", cell.seed),
                                     status_name(run.status),
                                     run.noisy ? "noisy" : ""};
        const auto host = std::ranges::find(campaign.host_runs, run.run, &record::HostRun::run);
        if (host != campaign.host_runs.end())
            for (const std::string& text :
                 {utc(host->started_utc_ns), significant(static_cast<double>(host->wall_ns) / 1e9),
                  significant(static_cast<double>(host->cpu_ns) / 1e9),
                  fmt::format("{}", host->peak_rss_bytes >> 20), significant(host->load_before),
                  significant(host->load_after), significant(host->spin_jitter),
                  significant(host->steal)})
                row.push_back(text);
        row.resize(table.head.size());
        table.rows.push_back(row);
    }
    return table;
}

}  // namespace

void add_run_order(const Evaluation& evaluation, Document& document) {
    document.heading("Runs, in the order of running");
    RunOrderChart chart{
        {"run-order", "Runs, in their order",
         "A dot is one run: the geometric mean of its values, each relative to the median of all "
         "runs of the same kind. A trend or a jump is a change of the host, not of a platform. In "
         "red at the bottom: runs without values.",
         "Values of runs relative to their median, by the order of running."},
        {},
        {}};
    Palette palette;
    std::size_t noisy = 0;
    for (const Run& run : evaluation.campaign.runs) {
        const Cell& cell = evaluation.campaign.cell_of(run);
        noisy += run.noisy;
        const double relative =
            run.status == Status::ok ? relative_to_kind(evaluation, run) : std::nan("");
        if (std::isnan(relative)) {
            chart.lost.push_back({static_cast<double>(run.run), status_name(run.status)});
            continue;
        }
        auto found = std::ranges::find(chart.series, cell.platform, &RunOrderChart::Series::label);
        if (found == chart.series.end()) {
            chart.series.push_back(
                {cell.platform, palette.look(cell.platform, cell.platform_kind), {}});
            found = chart.series.end() - 1;
        }
        found->dots.push_back({static_cast<double>(run.run), relative, run.noisy});
    }
    if (!chart.series.empty()) document.add(draw_run_order(chart));
    if (noisy > 0)
        document.warning(
            fmt::format("The noise gate found the host busy at {} of {} runs; their "
                        "values are used, and marked.",
                        noisy, evaluation.campaign.runs.size()));
    document.add(run_table(evaluation));
}

}  // namespace ring3::analysis
