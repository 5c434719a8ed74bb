// SPDX-License-Identifier: MIT
// The section about factors: curves over a numeric one, a map over two, bars over one of names.
#include <algorithm>
#include <cmath>
#include <set>

#include <fmt/format.h>

#include "analysis/report/evaluation.hpp"
#include "analysis/report/factors.hpp"
#include "analysis/text/numbers.hpp"

namespace ring3::analysis {
namespace {

/// One workload's points of one platform, along the keys that vary.
struct Sweep {
    std::string platform, workload, short_name;
    struct At {
        Factors factors;
        double value;
        std::optional<Interval> interval;
    };
    std::vector<At> points;
    std::string unit, what;
    bool is_web = false;
    std::vector<std::string> keys;
    std::map<std::string, std::vector<std::string>> values;  ///< of a key, in their order
};

void add_point(Sweep& sweep, const Suite& suite, const Measured& one) {
    // Domains differ from point to point where their number is what is varied.
    std::vector<Quantity> measured;
    for (const Quantity& member : suite.members)
        if (one.measures.contains(member)) measured.push_back(member);
    for (const Quantity& quantity : measured)
        sweep.is_web |= quantity.program == "closed" || quantity.program == "conforming";
    const std::optional<Absolute> number = absolute(one, measured);
    const Factors factors = parse_factors(one.point.factors);
    for (const auto& [key, value] : factors) {
        if (std::ranges::find(sweep.keys, key) == sweep.keys.end()) sweep.keys.push_back(key);
        auto& values = sweep.values[key];
        if (std::ranges::find(values, value) == values.end()) values.push_back(value);
    }
    if (!number) return;
    sweep.unit = number->unit;
    Sweep::At at{factors, number->value, std::nullopt};
    if (measured.size() == 1) {
        at.interval = estimate_median(one.measures.at(measured[0]).sample).interval;
        sweep.what = measured[0].label();
    }
    sweep.points.push_back(at);
}

std::vector<Sweep> sweeps_of(const Evaluation& evaluation) {
    std::vector<Sweep> sweeps;
    for (const Suite& suite : suites_of(evaluation))
        for (const std::string& platform : evaluation.platforms()) {
            Sweep sweep{platform,
                        suite.label(),
                        suite.row ? suite.row->title : suite.workload,
                        {},
                        "",
                        "",
                        false,
                        {},
                        {}};
            for (const Measured& one : evaluation.measured)
                if (suite.holds(one) && one.point.platform == platform &&
                    !one.point.factors.empty())
                    add_point(sweep, suite, one);
            if (!sweep.values.empty()) sweeps.push_back(sweep);
        }
    for (Sweep& sweep : sweeps)
        std::erase_if(sweep.keys,
                      [&](const std::string& key) { return sweep.values[key].size() < 2; });
    return sweeps;
}

std::string file_name(const char* kind, const Sweep& sweep, const std::string& key) {
    std::string name = fmt::format("{}-{}-{}-{}", kind, sweep.platform, sweep.short_name, key);
    std::ranges::replace_if(
        name, [](char c) { return std::isalnum(static_cast<unsigned char>(c)) == 0; }, '-');
    return name;
}

std::string value_label(const Sweep& sweep) {
    return fmt::format("{}{}{} ({})", sweep.workload, sweep.what.empty() ? "" : " ", sweep.what,
                       sweep.unit);
}

/// What tells the lines apart: all factors but the one on the axis.
std::string rest_of(const Sweep& sweep, const Factors& factors, const std::string& axis) {
    std::string text;
    for (const std::string& key : sweep.keys)
        if (key != axis)
            text += fmt::format("{}{}={}", text.empty() ? "" : ", ", key, value_of(factors, key));
    return text.empty() ? sweep.platform : text;
}

/// In units of the line's first point, which is of one.
void to_throughput(Line& line, bool is_of_times) {
    const double unit = line.at[0].y;
    for (Line::At& at : line.at) {
        const auto relative = [&](double y) { return is_of_times ? at.x * unit / y : y / unit; };
        if (at.interval) {
            at.interval->low = relative(at.interval->low);
            at.interval->high = relative(at.interval->high);
            if (is_of_times) std::swap(at.interval->low, at.interval->high);
        }
        at.y = relative(at.y);
    }
}

/// Figure 4 of the paper: web servers in 1 to 16 domains.
Line published_web(const Evaluation& evaluation, Palette& palette) {
    Line line{"Xen 2003 (figure 4)", palette.look("Xen 2003"), {}, true};
    for (const int n : {1, 2, 4, 8, 16}) {
        const double value = published_value(
            evaluation.published, "Fig4", fmt::format("SPEC WEB99 {} instance(s), 2 CPUs", n),
            "aggregate conformant clients", "Xen, n uniprocessor domains");
        line.at.push_back({static_cast<double>(n), value, std::nullopt});
    }
    to_throughput(line, false);
    return line;
}

void add_curve(const Evaluation& evaluation, const Sweep& sweep, const std::string& key,
               Document& document) {
    const bool is_count = key.ends_with("count") || key.ends_with("domains");
    ScalingChart chart{
        {file_name("curve", sweep, key),
         fmt::format("{} on {} by {}", sweep.workload, sweep.platform, key),
         "Points: medians over runs and seeds; lines with ends: their order-statistic intervals.",
         fmt::format("{} over {}.", value_label(sweep), key)},
        key,
        value_label(sweep),
        {},
        std::nullopt,
        false};
    Palette palette;
    for (const Sweep::At& at : sweep.points) {
        const std::string label = rest_of(sweep, at.factors, key);
        auto found = std::ranges::find(chart.lines, label, &Line::label);
        if (found == chart.lines.end()) {
            chart.lines.push_back({label, palette.look(label), {}, false});
            found = chart.lines.end() - 1;
        }
        found->at.push_back({*number_of(value_of(at.factors, key)), at.value, at.interval});
    }
    for (Line& line : chart.lines) {
        std::ranges::sort(line.at, {}, &Line::At::x);
        if (!is_count || line.at[0].x != 1 || line.at[0].y == 0) continue;
        to_throughput(line, is_time(sweep.unit));
        chart.has_ideal = true;
        chart.y_label = "throughput of all, one = 1";
    }
    if (chart.has_ideal) {
        chart.about.caption +=
            " Throughput: how much all of them get done in a time, in units of what one does; of "
            "fixed work it is their number over the time of the last one.";
        if (sweep.is_web) chart.lines.push_back(published_web(evaluation, palette));
        if (sweep.is_web)
            chart.about.caption +=
                " Dashed: figure 4 of the SOSP 2003 paper, on two CPUs, in no statistic.";
    }
    if (chart.lines.size() <= 8) document.add(draw_scaling(chart));
}

void add_map(const Sweep& sweep, const std::string& x, const std::string& y, Document& document) {
    HeatMap map{{file_name("map", sweep, x + "-" + y),
                 fmt::format("{} on {} by {} and {}", sweep.workload, sweep.platform, x, y),
                 "Numbers: medians over runs and seeds.",
                 fmt::format("{} by {} and {}.", value_label(sweep), x, y)},
                x,
                y,
                value_label(sweep),
                sweep.values.at(x),
                sweep.values.at(y),
                {}};
    map.values.assign(map.rows.size(), std::vector<double>(map.columns.size(), std::nan("")));
    for (const Sweep::At& at : sweep.points) {
        const auto row = std::ranges::find(map.rows, value_of(at.factors, y)) - map.rows.begin();
        const auto column =
            std::ranges::find(map.columns, value_of(at.factors, x)) - map.columns.begin();
        map.values[static_cast<std::size_t>(row)][static_cast<std::size_t>(column)] = at.value;
    }
    document.add(draw_heat_map(map));
}

bool is_numeric(const Sweep& sweep, const std::string& key) {
    return std::ranges::all_of(sweep.values.at(key), [](const std::string& value) {
        return number_of(value).has_value();
    });
}

/// How evenly the domains of a point shared what there was.
void add_fairness(const Evaluation& evaluation, Document& document) {
    Table table{{"platform", "workload", "program", "domains", "Jain's index", "least", "greatest"},
                {},
                "How evenly domains shared: 1 is equal, 1/n is all for one."};
    for (const Measured& one : evaluation.measured) {
        std::map<std::pair<std::string, std::string>, std::vector<double>> shares;
        std::map<std::pair<std::string, std::string>, std::string> units;
        for (const auto& [quantity, measure] : one.measures) {
            if (quantity.domain.empty() || measure.sample.empty()) continue;
            const double value = estimate_median(measure.sample).value;
            const std::pair key{quantity.program, quantity.metric};
            units[key] = measure.unit;
            // Shares are of speed, also where time is what was measured.
            shares[key].push_back(measure.better == Better::lower ? 1 / value : value);
        }
        for (const auto& [key, values] : shares)
            if (values.size() > 1)
                table.rows.push_back(
                    {evaluation.label(one.point), one.point.workload, key.first + " " + key.second,
                     fmt::format("{}", values.size()), fmt::format("{:.4f}", jain_index(values)),
                     significant(*std::ranges::min_element(values)),
                     significant(*std::ranges::max_element(values))});
    }
    if (!table.rows.empty()) document.add(table);
}

}  // namespace

void add_sweeps(const Evaluation& evaluation, Document& document) {
    Document inner;
    for (const Sweep& sweep : sweeps_of(evaluation)) {
        for (const std::string& key : sweep.keys)
            if (is_numeric(sweep, key) && sweep.values.at(key).size() > 2 && !sweep.points.empty())
                add_curve(evaluation, sweep, key, inner);
        if (sweep.keys.size() == 2 && !sweep.points.empty()) {
            // The numeric one lies on the x axis.
            const bool swap = is_numeric(sweep, sweep.keys[1]) && !is_numeric(sweep, sweep.keys[0]);
            add_map(sweep, sweep.keys[swap ? 1 : 0], sweep.keys[swap ? 0 : 1], inner);
        }
    }
    add_categories(evaluation, inner);
    add_fairness(evaluation, inner);
    if (inner.blocks.empty()) return;
    document.heading("Factors");
    document.append(std::move(inner));
}

}  // namespace ring3::analysis
