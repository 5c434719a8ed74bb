// SPDX-License-Identifier: MIT
// Charts that are read row by row or run by run: the forest of ratios, and the order of runs.
#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "analysis/charts/kinds.hpp"

namespace ring3::analysis {

Chart draw_forest(const ForestChart& chart) {
    const int height = 110 + 19 * static_cast<int>(std::max<std::size_t>(chart.rows.size(), 4));
    Chart result = chart_of(chart.about, height);
    double low = 1, high = 1;
    std::string tics;
    for (std::size_t i = 0; i < chart.rows.size(); ++i) {
        const ForestChart::Row& row = chart.rows[i];
        low = std::min(low, row.interval ? row.interval->low : row.ratio);
        high = std::max(high, row.interval ? row.interval->high : row.ratio);
        tics += fmt::format("{}{} {}", i == 0 ? "" : ", ", script_text(row.label), i);
    }
    for (std::size_t series = 0; series < chart.series.size(); ++series)
        for (const bool is_mean : {false, true}) {
            result.data += fmt::format("# {}{}: ratio row low high\n", chart.series[series].label,
                                       is_mean ? ", means" : "");
            for (std::size_t i = 0; i < chart.rows.size(); ++i) {
                const ForestChart::Row& row = chart.rows[i];
                if (row.series != series || row.is_mean != is_mean) continue;
                const Interval interval = row.interval.value_or(Interval{row.ratio, row.ratio, 0});
                result.data +=
                    fmt::format("{} {} {} {}\n", row.ratio, i, interval.low, interval.high);
            }
            result.data += "1 -1000 1 1\n\n\n";
        }
    std::string& script = result.script;
    script += fmt::format("set xlabel {}\n", script_text(chart.x_label));
    script += log_axis("x", low, high);
    script += fmt::format(
        "set yrange [{}:-0.7]\nset ytics scale 0 ({})\nunset grid\n"
        "set grid xtics lc rgb '#dddddd' lt 1 lw 1\n",
        static_cast<double>(chart.rows.size()) - 0.3, tics);
    script +=
        "set arrow 1 from first 1,graph 0 to first 1,graph 1 nohead back lc rgb '#888888' dt 2\n";
    for (std::size_t i = 0; i < chart.series.size(); ++i) {
        const Look& look = chart.series[i].look;
        script += fmt::format(
            "{}data index {} using 1:2:3:4 with xerrorbars pt {} ps 0.9 lw 1.5 "
            "lc rgb '{}' title {}",
            i == 0 ? "plot " : ", \\\n     ", 2 * i, look.point, look.colour,
            script_text(chart.series[i].label));
        script += fmt::format(
            ", \\\n     data index {} using 1:2:3:4 with xerrorbars pt {} ps 1.6 "
            "lw 2.5 lc rgb '{}' notitle",
            2 * i + 1, look.point, look.colour);
    }
    script += "\n";
    return result;
}

Chart draw_run_order(const RunOrderChart& chart) {
    Chart result = chart_of(chart.about, 400);
    double low = 0.95, high = 1.05, last = 1;
    std::string noisy = "# of noisy runs: run relative\n-1000 1\n", lost = "# lost: run text\n";
    for (const RunOrderChart::Series& series : chart.series) {
        result.data += fmt::format("# {}: run relative\n", series.label);
        for (const RunOrderChart::Dot& dot : series.dots) {
            result.data += fmt::format("{} {}\n", dot.run, dot.relative);
            if (dot.noisy) noisy += fmt::format("{} {}\n", dot.run, dot.relative);
            low = std::min(low, dot.relative);
            high = std::max(high, dot.relative);
            last = std::max(last, dot.run);
        }
        result.data += "-1000 1\n\n\n";
    }
    for (const RunOrderChart::Lost& run : chart.lost) {
        lost += fmt::format("{} {}\n", run.run, data_word(run.status));
        last = std::max(last, run.run);
    }
    result.data += noisy + "\n\n" + lost + "-1000 \"\"\n";
    const double margin = (high - low) * 0.12;
    std::string& script = result.script;
    script += fmt::format(
        "set xlabel \"run, in the order of running\"\nset ylabel \"value relative "
        "to the median of its kind\"\nset xrange [0:{}]\nset yrange [{:.6g}:{:.6g}]\n",
        last + 1, low - margin * (chart.lost.empty() ? 1 : 2.2), high + margin);
    script +=
        "set arrow 1 from graph 0,first 1 to graph 1,first 1 nohead back lc rgb '#888888' dt 2\n";
    const std::size_t count = chart.series.size();
    for (std::size_t i = 0; i < count; ++i)
        script += fmt::format(
            "{}data index {} using 1:2 with points pt {} ps 0.9 lc rgb '{}' "
            "title {}",
            i == 0 ? "plot " : ", \\\n     ", i, chart.series[i].look.point,
            chart.series[i].look.colour, script_text(chart.series[i].label));
    const bool any_noisy = std::ranges::any_of(chart.series, [](const auto& series) {
        return std::ranges::any_of(series.dots, &RunOrderChart::Dot::noisy);
    });
    script += fmt::format(
        "{}data index {} using 1:2 with points pt 6 ps 2.2 lw 1.5 lc rgb "
        "'#aa0000' {}, \\\n     data index {} using 1:(graph_low):2 with labels "
        "rotate left font small tc rgb '#aa0000' notitle\n",
        count == 0 ? "plot " : ", \\\n     ", count, any_noisy ? "title \"noisy host\"" : "notitle",
        count + 1);
    script.insert(0, fmt::format("graph_low = {:.6g}\n", low - margin * 2.1));
    return result;
}

}  // namespace ring3::analysis
