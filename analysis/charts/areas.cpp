// SPDX-License-Identifier: MIT
// Charts of filled areas: the heat map of a sweep, and who had which pCPU when.
#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "analysis/charts/kinds.hpp"
#include "analysis/text/numbers.hpp"

namespace ring3::analysis {
namespace {

std::string tics_of(const std::vector<std::string>& labels) {
    std::string tics;
    for (std::size_t i = 0; i < labels.size(); ++i)
        tics += fmt::format("{}{} {}", i == 0 ? "" : ", ", script_text(labels[i]), i);
    return tics;
}

/// Points of the map viridis (CC0), which keeps its order in grey and for any colour vision.
constexpr const char* viridis =
    "set palette defined (0 '#440154', 0.25 '#3b528b', 0.5 '#21918c', 0.75 '#5ec962', "
    "1 '#fde725')\n";

}  // namespace

Chart draw_heat_map(const HeatMap& chart) {
    const int height = std::clamp(170 + 55 * static_cast<int>(chart.rows.size()), 300, 900);
    Chart result = chart_of(chart.about, height,
                            "# column row value, then the same with the text in dark and light\n");
    double low = std::numeric_limits<double>::infinity(), high = -low;
    for (const auto& row : chart.values)
        for (const double value : row)
            if (std::isfinite(value)) low = std::min(low, value), high = std::max(high, value);
    std::string dark = "-1000 0 \"\"\n", light = dark, missing = "-1000 0\n";
    result.data += "-1000 0 0\n";
    for (std::size_t row = 0; row < chart.rows.size(); ++row)
        for (std::size_t column = 0; column < chart.columns.size(); ++column) {
            const double value = chart.values[row][column];
            if (!std::isfinite(value)) {
                missing += fmt::format("{} {}\n", column, row);
                dark += fmt::format("{} {} \"none\"\n", column, row);
                continue;
            }
            result.data += fmt::format("{} {} {}\n", column, row, value);
            // Dark text on the bright half of the map.
            (value > low + (high - low) * 0.55 || low == high ? dark : light) +=
                fmt::format("{} {} {}\n", column, row, data_word(significant(value)));
        }
    result.data += "\n\n" + dark + "\n\n" + light + "\n\n" + missing;
    std::string& script = result.script;
    script += fmt::format(
        "set xlabel {}\nset ylabel {}\nset cblabel {} offset 1.5\nset rmargin 11\n",
        script_text(chart.x_label), script_text(chart.y_label), script_text(chart.value_label));
    script += fmt::format("set xrange [-0.5:{}]\nset yrange [{}:-0.5]\n",
                          static_cast<double>(chart.columns.size()) - 0.5,
                          static_cast<double>(chart.rows.size()) - 0.5);
    // A map of one colour needs a range too.
    const double spread = high > low ? 0 : std::max(std::abs(high) * 0.01, 1e-9);
    if (std::isfinite(low))
        script += fmt::format("set cbrange [{:.12g}:{:.12g}]\n", low - spread, high + spread);
    script += fmt::format("set xtics scale 0 ({})\nset ytics scale 0 ({})\nunset grid\nunset key\n",
                          tics_of(chart.columns), tics_of(chart.rows));
    script += viridis;
    script +=
        "set style fill solid 1.0 noborder\n"
        "plot data index 0 using 1:2:(0.49):(0.49):3 with boxxyerror lc palette, \\\n"
        "     data index 3 using 1:2:(0.49):(0.49) with boxxyerror lc rgb '#dddddd', \\\n"
        "     data index 1 using 1:2:3 with labels tc rgb '#111111', \\\n"
        "     data index 2 using 1:2:3 with labels tc rgb 'white'\n";
    return result;
}

Chart draw_gantt(const GanttChart& chart) {
    const int height = std::clamp(150 + 48 * static_cast<int>(chart.lanes.size()), 220, 900);
    Chart result = chart_of(chart.about, height);
    for (std::size_t who = 0; who < chart.who.size(); ++who) {
        result.data += fmt::format("# {}: start_ms end_ms lane\n", chart.who[who].label);
        for (const GanttChart::Turn& turn : chart.turns)
            if (turn.who == who)
                result.data += fmt::format("{} {} {}\n", turn.start_ms, turn.end_ms, turn.lane);
        result.data += "-1000 -1000 0\n\n\n";
    }
    double first = std::numeric_limits<double>::infinity(), last = -first;
    for (const GanttChart::Turn& turn : chart.turns)
        first = std::min(first, turn.start_ms), last = std::max(last, turn.end_ms);
    if (chart.turns.empty()) first = 0, last = 1;
    std::string& script = result.script;
    script += fmt::format(
        "set xlabel \"virtual time (ms)\"\nset xrange [{:.12g}:{:.12g}]\nset yrange [{}:-0.6]\n"
        "set ytics scale 0 ({})\nunset grid\nset grid xtics lc rgb '#dddddd' lt 1 lw 1\n"
        "set style fill solid 1.0 noborder\n",
        first, last, static_cast<double>(chart.lanes.size()) - 0.4, tics_of(chart.lanes));
    for (std::size_t who = 0; who < chart.who.size(); ++who)
        script += fmt::format(
            "{}data index {} using 1:3:1:2:($3-0.36):($3+0.36) with boxxyerror "
            "lc rgb '{}' title {}",
            who == 0 ? "plot " : ", \\\n     ", who, chart.who[who].look.colour,
            script_text(chart.who[who].label));
    script += "\n";
    return result;
}

}  // namespace ring3::analysis
