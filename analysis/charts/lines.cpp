// SPDX-License-Identifier: MIT
// Charts of curves: the ECDF, scaling, and what changes over time.
#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "analysis/charts/kinds.hpp"

namespace ring3::analysis {
namespace {

std::string line_block(const Line& line) {
    std::string block = fmt::format("# {}: x y low high\n", line.label);
    for (const Line::At& at : line.at) {
        const Interval interval = at.interval.value_or(Interval{at.y, at.y, 0});
        block += fmt::format("{} {} {} {}\n", at.x, at.y, interval.low, interval.high);
    }
    return block + "\n\n";
}

std::string labels(const std::string& x, const std::string& y) {
    return fmt::format("set xlabel {}\nset ylabel {}\n", script_text(x), script_text(y));
}

struct Extent {
    double low = std::numeric_limits<double>::infinity();
    double high = -std::numeric_limits<double>::infinity();
    void add(double value) {
        low = std::min(low, value);
        high = std::max(high, value);
    }
    bool spans(double factor) const { return low > 0 && high / low > factor; }
};

/// Steps, with points of the series' own form here and there: colour alone does not tell lines
/// apart on paper. `count` is how many there are to draw.
std::string marked_steps(std::size_t index, const Look& look, std::size_t count,
                         const std::string& title) {
    const std::size_t every = std::max<std::size_t>(count / 8, 1);
    return fmt::format(
        "{0}data index {1} using 1:2 with steps lw 2 lc rgb '{2}' notitle, \\\n"
        "     data index {1} every {3}::{4} using 1:2 with points pt {5} ps 0.9 lc rgb '{2}' "
        "notitle, \\\n"
        "     keyentry with linespoints lw 2 pt {5} ps 0.9 lc rgb '{2}' title {6}",
        index == 0 ? "plot " : ", \\\n     ", index, look.colour, every, every / 2, look.point,
        script_text(title));
}

std::string titled_plot(std::size_t index, const std::string& what, const std::string& title) {
    return fmt::format("{}data index {} {} title {}", index == 0 ? "plot " : ", \\\n     ", index,
                       what, script_text(title));
}

}  // namespace

std::string log_axis(const char* axis, double low, double high) {
    std::string tics;
    constexpr double most_decades = 3.5;  // of which three numbers each have their room
    const bool is_wide = high > low * std::pow(10.0, most_decades);
    for (int exponent = -6; exponent <= 9; ++exponent)
        for (const double step : {1.0, 2.0, 5.0}) {
            if (is_wide && step != 1.0) continue;
            const double at = step * std::pow(10.0, exponent);
            if (at < low / 2.01 || at > high * 2.01) continue;
            const int digits = std::max(0, -exponent);
            tics += fmt::format("{}\"{:.{}f}\" {:.{}f}", tics.empty() ? "" : ", ", at, digits, at,
                                digits);
        }
    return fmt::format("set logscale {0}\nset {0}range [{1:.6g}:{2:.6g}]\nset {0}tics ({3})\n",
                       axis, low / 1.15, high * 1.15, tics);
}

Chart draw_ecdf(const EcdfChart& chart) {
    Chart result = chart_of(chart.about, 440);
    Extent extent;
    for (const EcdfChart::Series& series : chart.series)
        for (const double value : series.values) extent.add(value);
    const bool is_log = extent.spans(20);
    // The steps go on to both ends of the picture.
    const double span = extent.high - extent.low;
    const double margin = span > 0 ? span * 0.03 : std::max(std::abs(extent.low) * 0.03, 1e-9);
    const double first = is_log ? extent.low / 1.15 : extent.low - margin;
    const double last = is_log ? extent.high * 1.15 : extent.high + margin;
    result.script = labels(chart.x_label, "share of values at or below");
    result.script += is_log ? log_axis("x", extent.low, extent.high)
                            : fmt::format("set xrange [{:.12g}:{:.12g}]\n", first, last);
    result.script += "set yrange [0:1.02]\nset grid xtics ytics\n";
    for (std::size_t i = 0; i < chart.series.size(); ++i) {
        const EcdfChart::Series& series = chart.series[i];
        result.data += fmt::format("# {}: value share\n{:.12g} 0\n", series.label, first);
        for (const EcdfStep& step : ecdf(series.values))
            result.data += fmt::format("{} {}\n", step.value, step.share);
        result.data += fmt::format("{:.12g} 1\n\n\n", last);
        result.script +=
            marked_steps(i, series.look, series.values.size(),
                         fmt::format("{} (n = {})", series.label, series.values.size()));
    }
    result.script += "\n";
    return result;
}

Chart draw_scaling(const ScalingChart& chart) {
    Chart result = chart_of(chart.about, 460);
    Extent x, y;
    for (const Line& line : chart.lines)
        for (const Line::At& at : line.at) {
            x.add(at.x);
            y.add(at.interval ? at.interval->high : at.y);
        }
    const bool is_log = x.spans(8);
    std::string tics;
    std::vector<double> places;
    for (const Line& line : chart.lines)
        for (const Line::At& at : line.at) places.push_back(at.x);
    std::ranges::sort(places);
    places.erase(std::unique(places.begin(), places.end()), places.end());
    for (const double place : places)
        tics += fmt::format("{}\"{:g}\" {}", tics.empty() ? "" : ", ", place, place);
    double top = y.high;
    if (chart.has_ideal && chart.ideal_limit) top = std::max(top, *chart.ideal_limit);

    result.script = labels(chart.x_label, chart.y_label);
    result.script += "set samples 800\nset key samplen 3\n";
    if (is_log) result.script += "set logscale x\n";
    const double margin = (x.high - x.low) * 0.04 + 1e-9;
    result.script += fmt::format("set xrange [{:.6g}:{:.6g}]\nset xtics ({})\nset yrange [0:{}]\n",
                                 is_log ? x.low / 1.15 : x.low - margin,
                                 is_log ? x.high * 1.15 : x.high + margin, tics, top * 1.1);
    for (std::size_t i = 0; i < chart.lines.size(); ++i) {
        const Line& line = chart.lines[i];
        result.data += line_block(line);
        const std::string look = fmt::format("lw 2 pt {} ps 1 dt {} lc rgb '{}'", line.look.point,
                                             line.is_published ? 4 : 1, line.look.colour);
        result.script += titled_plot(i, "using 1:2 with linespoints " + look, line.label);
        if (!line.is_published)
            result.script += fmt::format(
                ", \\\n     data index {} using 1:3:(0):($4-$3) with vectors heads "
                "size graph 0.003,90 lc rgb '{}' notitle",
                i, line.look.colour);
    }
    if (chart.has_ideal)
        result.script += fmt::format(
            ", \\\n     {} with lines lw 1.5 dt 2 lc rgb '#444444' title {}",
            chart.ideal_limit ? fmt::format("(x < {0} ? x : {0})", *chart.ideal_limit) : "x",
            chart.ideal_limit ? "\"perfect\"" : "\"a CPU for each\"");
    result.script += "\n";
    return result;
}

Chart draw_series(const SeriesChart& chart) {
    Chart result = chart_of(chart.about, 420);
    Extent y;
    y.add(0);
    for (const Line& line : chart.lines)
        for (const Line::At& at : line.at) y.add(at.y);
    if (y.low == y.high) y.add(1);
    result.script = labels(chart.x_label, chart.y_label);
    result.script += fmt::format("set xrange [*:*] noextend\nset yrange [{:.6g}:{:.6g}]\n",
                                 y.low * 1.08, y.high * 1.08);
    if (y.low < 0) result.script += "set xzeroaxis lc rgb '#888888' dt 2\n";
    for (std::size_t i = 0; i < chart.lines.size(); ++i) {
        result.data += line_block(chart.lines[i]);
        const Line& line = chart.lines[i];
        result.script += marked_steps(i, line.look, line.at.size(), line.label);
    }
    result.script += "\n";
    return result;
}

}  // namespace ring3::analysis
