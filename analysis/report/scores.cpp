// SPDX-License-Identifier: MIT
// The sections of numbers: scores of workloads, claims, the paper's tables, single programs.
#include <algorithm>
#include <cmath>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "analysis/report/evaluation.hpp"
#include "analysis/text/numbers.hpp"

namespace ring3::analysis {
namespace {

/// "(6 ok, 1 noisy)"
std::string runs_text(const Measured& one) {
    std::string text;
    for (const auto& [status, count] : one.runs)
        text += fmt::format("{}{} {}", text.empty() ? "" : ", ", count, status_name(status));
    if (one.noisy > 0) text += fmt::format(", {} noisy", one.noisy);
    return text.empty() ? "none" : text;
}

std::string workload_text(const Point& point) {
    return point.size.empty() ? point.workload : fmt::format("{} ({})", point.workload, point.size);
}

std::vector<std::string> score_row(const Evaluation& evaluation, const Suite& suite,
                                   const Measured& one) {
    // Domains differ from point to point, and belong together; there is no score of them.
    const bool are_domains = std::ranges::any_of(
        suite.members, [](const Quantity& member) { return !member.domain.empty(); });
    std::vector<Quantity> members;
    for (const Quantity& member : suite.members)
        if (!are_domains || one.measures.contains(member)) members.push_back(member);
    // A sum of latencies of all kinds says nothing.
    const bool has_absolute = suite.row != nullptr || members.size() == 1 || are_domains;
    const std::optional<Absolute> number =
        has_absolute && !members.empty() ? absolute(one, members) : std::nullopt;
    const std::string mark = one.mark();
    std::string ratio = mark.empty() ? std::string{"-"} : mark, interval = "-";
    const Measured* const base = evaluation.baseline_of(one);
    if (mark.empty() && evaluation.is_refused(one.point)) ratio = "refused";
    if (base != nullptr && mark.empty() && !are_domains) {
        const Score result = score(one, *base, suite.members);
        if (result.speed) {
            ratio = ratio_text(result.speed->value);
            interval = base == &one ? "-" : interval_text(*result.speed);
        } else {
            ratio = fmt::format("no score: {} of {} missing", result.missing.size(),
                                suite.members.size());
        }
    }
    return {suite.label(),
            evaluation.label(one.point),
            number ? significant(number->value, 4) : "-",
            number ? number->unit : "",
            ratio,
            interval,
            runs_text(one)};
}

}  // namespace

void add_scores(const Evaluation& evaluation, Document& document) {
    document.heading("Scores");
    Table table{
        {"workload", "platform", "absolute", "unit",
         fmt::format("speed / {}", evaluation.baseline_name()), "interval", "runs"},
        {},
        "Absolute: the sum of the programs' times, or the harmonic mean of their rates. "
        "Speed: geometric mean of the ratios, higher is better. Of several domains: all rates "
        "together, or the time of the last one."};
    for (const Suite& suite : suites_of(evaluation))
        for (const Measured& one : evaluation.measured)
            if (suite.holds(one)) table.rows.push_back(score_row(evaluation, suite, one));
    document.add(table);
    for (const Evaluation::Refusal& refusal : evaluation.refusals)
        document.warning(fmt::format("Refused: {}.", refusal.text));
    for (const Measured& one : evaluation.measured)
        for (const std::string& what : one.not_repeated)
            document.warning(fmt::format(
                "{} {}: a repetition under the virtual clock gave another value ({}); the run is "
                "not deterministic.",
                one.point.label(), one.point.workload, what));
}

void add_claims(const Evaluation& evaluation, Document& document) {
    if (evaluation.claims.empty()) return;
    document.heading("Claims");
    Table table{{"verdict", "claim", "speed", "bound", "measured", "interval", "remark"},
                {},
                "Met: the whole interval is inside the bound; not met: it is outside; else "
                "undecided."};
    for (const ClaimResult& result : evaluation.claims) {
        const Claim& claim = result.claim;
        table.rows.push_back(
            {verdict_name(result.verdict), claim.text.empty() ? claim.name : claim.text,
             fmt::format("{} / {}", claim.platform, claim.than), bounds_text(claim),
             result.ratio ? ratio_text(result.ratio->value) : "-",
             result.ratio ? interval_text(*result.ratio) : "-", result.reason});
    }
    document.add(table);
}

namespace {

bool is_row(const PaperTable::Row& row, const Quantity& quantity) {
    return quantity.metric == row.metric &&
           (row.program[0] == '\0' || quantity.program == row.program);
}

/// What a platform has for a row of the paper's tables.
std::string paper_cell(const Evaluation& evaluation, const std::string& platform,
                       const PaperTable& table, const PaperTable::Row& row) {
    constexpr double megabits_per_mib = 8 * 1.048576;
    std::string mark = "-";
    for (const Measured& one : evaluation.measured) {
        if (one.point.platform != platform || one.point.workload != table.workload) continue;
        if (!one.mark().empty()) mark = one.mark();
        // A part of the workload's rows may be what a platform cannot do.
        if (mark == "-" && one.runs.contains(Status::skipped)) mark = status_name(Status::skipped);
        const auto mib = table.mib.find(one.point.size);
        for (const auto& [quantity, measure] : one.measures) {
            if (!is_row(row, quantity) || measure.sample.empty()) continue;
            const double value = estimate_median(measure.sample).value;
            if (table.mib.empty()) return significant(value);
            if (mib != table.mib.end()) return significant(mib->second * megabits_per_mib / value);
        }
    }
    return mark;
}

bool is_measured(const Evaluation& evaluation, const PaperTable& table) {
    return std::ranges::any_of(evaluation.measured, [&](const Measured& one) {
        return one.point.workload == table.workload &&
               std::ranges::any_of(one.measures, [&](const auto& measure) {
                   return std::ranges::any_of(table.rows, [&](const PaperTable::Row& row) {
                       return is_row(row, measure.first);
                   });
               });
    });
}

std::string short_name(const std::string& row) {
    const std::size_t at = row.find(": ");
    return at == row.npos ? row : row.substr(at + 2);
}

Table paper_table(const Evaluation& evaluation, const PaperTable& table) {
    Table result{
        {"row"},
        {},
        fmt::format("{}. Medians of this campaign, then what the paper has.", table.title)};
    const std::vector<std::string> platforms = evaluation.platforms();
    for (const std::string& platform : platforms) result.head.push_back(platform);
    for (const char* platform : table.platforms)
        result.head.push_back(fmt::format("{} 2003", platform));
    for (const PaperTable::Row& row : table.rows) {
        std::vector<std::string> cells{short_name(row.name)};
        for (const std::string& platform : platforms)
            cells.push_back(paper_cell(evaluation, platform, table, row));
        for (const char* platform : table.platforms) {
            const auto figure =
                std::ranges::find_if(evaluation.published, [&](const PublishedFigure& published) {
                    return published.figure == table.figure && published.workload == row.name &&
                           published.platform == platform;
                });
            cells.push_back(figure == evaluation.published.end() ? "-" : figure->text);
        }
        result.rows.push_back(cells);
    }
    return result;
}

}  // namespace

void add_paper_tables(const Evaluation& evaluation, Document& document) {
    bool is_first = true;
    for (const PaperTable& table : paper_tables()) {
        if (!is_measured(evaluation, table)) continue;
        if (is_first) document.heading("Tables of the SOSP 2003 paper");
        is_first = false;
        document.add(paper_table(evaluation, table));
    }
}

namespace {

constexpr std::size_t most_forest_rows = 120;

std::vector<std::string> program_row(const Evaluation& evaluation, const Measured& one,
                                     const Quantity& quantity, const Measure& measure) {
    std::string value = "none: wrong, missing or zero", interval = "-", ratio = "-",
                ratio_interval = "-";
    std::string effect = "-", count = "0";
    if (!measure.sample.empty()) {
        const Estimate estimate = estimate_median(measure.sample);
        value = significant(estimate.value, 4);
        interval = interval_text(estimate, 4);
        count = fmt::format("{} x {}", measure.sample.runs.size(), measure.sample.runs[0].size());
        const Measured* const base = evaluation.baseline_of(one);
        if (base != nullptr && base != &one) {
            const auto found = base->measures.find(quantity);
            if (found != base->measures.end() && !found->second.sample.empty()) {
                const Estimate speed = speed_ratio(measure, found->second);
                ratio = ratio_text(speed.value);
                ratio_interval = interval_text(speed);
                const double delta =
                    cliffs_delta(measure.sample.flat(), found->second.sample.flat());
                // Of two single values it is always "large".
                if (measure.sample.values() > 1 && found->second.sample.values() > 1)
                    effect = fmt::format("{:.2f} {}", delta, cliffs_delta_word(delta));
            }
        }
    }
    return {
        workload_text(one.point),
        quantity.label(),
        evaluation.label(one.point),
        value,
        interval,
        fmt::format("{} ({})", measure.unit, measure.better == Better::lower ? "lower" : "higher"),
        ratio,
        ratio_interval,
        effect,
        count};
}

void add_forest_rows(const Evaluation& evaluation, const Measured& one, ForestChart& chart,
                     std::size_t series) {
    const Measured* const base = evaluation.baseline_of(one);
    if (base == nullptr || base == &one) return;
    std::size_t rows = 0;
    for (const auto& [quantity, measure] : one.measures) {
        const auto found = base->measures.find(quantity);
        if (measure.sample.empty() || found == base->measures.end() || found->second.sample.empty())
            continue;
        const Estimate speed = speed_ratio(measure, found->second);
        chart.rows.push_back({fmt::format("{} {}", one.point.workload, quantity.label()), series,
                              speed.value, speed.interval, false});
        ++rows;
    }
    if (rows < 2) return;
    for (const Suite& suite : suites_of(evaluation)) {
        if (!suite.holds(one)) continue;
        const Score result = score(one, *base, suite.members);
        if (result.speed && result.quantities > 1)
            chart.rows.push_back({fmt::format("{}: geometric mean", one.point.workload), series,
                                  result.speed->value, result.speed->interval, true});
    }
}

}  // namespace

void add_programs(const Evaluation& evaluation, Document& document) {
    document.heading("Programs");
    const std::string base = evaluation.baseline_name();
    Palette palette;
    ForestChart chart{
        {"forest", fmt::format("Each program's speed relative to {}", base),
         "Right of the line is faster. Points: ratio of medians; lines: 95% intervals "
         "(hierarchical bootstrap over runs and iterations; Student's where there are fewer than "
         "five runs); large points: geometric "
         "means of complete workloads.",
         fmt::format("Speeds of programs relative to {}, with intervals; the table "
                     "below has the numbers.",
                     base)},
        fmt::format("speed relative to {} (log scale)", base),
        {},
        {}};
    palette.look(evaluation.campaign.baseline, evaluation.kind_of(evaluation.campaign.baseline));
    Table table{
        {"workload", "program", "platform", "median", "interval", "unit (better)",
         fmt::format("speed / {}", base), "interval", "Cliff's delta", "runs x iterations"},
        {},
        "Medians of runs with order-statistic intervals (95% unless another level is "
        "told; few runs reach less). Cliff's delta is that of the values, positive where they are "
        "greater than the baseline's."};
    for (const Measured& one : evaluation.measured) {
        for (const auto& [quantity, measure] : one.measures)
            table.rows.push_back(program_row(evaluation, one, quantity, measure));
        // What did not run has no place in the legend.
        if (evaluation.baseline_of(one) == &one || !one.mark().empty()) continue;
        const std::string label = evaluation.label(one.point);
        auto found = std::ranges::find(chart.series, label, &ForestChart::Series::label);
        if (found == chart.series.end()) {
            chart.series.push_back({label, palette.look(label, one.point.platform_kind)});
            found = chart.series.end() - 1;
        }
        add_forest_rows(evaluation, one, chart,
                        static_cast<std::size_t>(found - chart.series.begin()));
    }
    if (!chart.rows.empty() && chart.rows.size() <= most_forest_rows)
        document.add(draw_forest(chart));
    document.add(table);
}

}  // namespace ring3::analysis
