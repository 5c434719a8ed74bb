// SPDX-License-Identifier: MIT
#include <algorithm>

#include <fmt/format.h>

#include "analysis/charts/kinds.hpp"

namespace ring3::analysis {
namespace {

constexpr std::size_t fewest_for_a_box = 5;
constexpr double gap_between_groups = 1;

/// A place beside the middle, the same one each time, so that equal values do not hide each other.
double beside(std::size_t i, std::size_t count) {
    if (count == 1) return 0;
    constexpr double golden = 0.6180339887498949;
    const double turn = static_cast<double>(i + 1) * golden;
    return (turn - static_cast<double>(static_cast<std::size_t>(turn)) - 0.5) * 0.5;
}

struct Layout {
    std::string boxes, dots;  ///< data, a block of dots for each series
    std::string tics;
    double end = 0, low = 1e300, high = -1e300;
};

void add_column(Layout& layout, std::vector<std::string>& dots, const DotChart::Column& column,
                double x) {
    for (std::size_t i = 0; i < column.values.size(); ++i) {
        const double value = column.values[i];
        layout.low = std::min(layout.low, value);
        layout.high = std::max(layout.high, value);
        dots[column.series] +=
            fmt::format("{:.4f} {}\n", x + beside(i, column.values.size()), value);
    }
    if (column.values.size() < fewest_for_a_box) return;
    layout.boxes += fmt::format("{}", x);
    for (const double p : {0.25, 0.0, 1.0, 0.75, 0.5})
        layout.boxes += fmt::format(" {}", quantile(column.values, p));
    layout.boxes += "\n";
}

Layout place(const DotChart& chart) {
    Layout layout;
    std::vector<std::string> dots(chart.series.size());
    layout.boxes = "# boxes: x quartile least greatest quartile median\n-1000 1 1 1 1 1\n";
    for (const DotChart::Group& group : chart.groups) {
        layout.end += gap_between_groups / 2;
        const double start = layout.end;
        for (const DotChart::Column& column : group.columns) {
            if (!column.values.empty()) add_column(layout, dots, column, layout.end + 0.5);
            layout.end += 1;
        }
        layout.tics += fmt::format("{}{} {}", layout.tics.empty() ? "" : ", ",
                                   script_text(group.label), (start + layout.end) / 2);
        layout.end += gap_between_groups / 2;
    }
    for (std::size_t i = 0; i < dots.size(); ++i)
        layout.dots +=
            fmt::format("\n\n# dots of {}: x value\n{}-1000 1\n", chart.series[i].label, dots[i]);
    return layout;
}

}  // namespace

Chart draw_dots(const DotChart& chart) {
    const Layout layout = place(chart);
    Chart result = chart_of(chart.about, 460, layout.boxes + layout.dots + "\n");
    std::string& script = result.script;
    script +=
        fmt::format("set xrange [0:{}]\nset ylabel {}\nset xtics scale 0 ({})\nset bmargin 3.4\n",
                    layout.end, script_text(chart.y_label), layout.tics);
    // Where the slowest is far from the fastest, small ratios would all lie on the axis.
    const bool is_wide = layout.low > 0 && layout.high / layout.low > 8;
    script += is_wide ? log_axis("y", layout.low, layout.high)
                      : fmt::format("set yrange [0:{}]\n", std::max(1.0, layout.high) * 1.08);
    script +=
        "set arrow 1 from graph 0,first 1 to graph 1,first 1 nohead back lc rgb '#888888' dt 2\n"
        "set boxwidth 0.7\nset style fill solid 0.15 border lc rgb '#666666'\n"
        "plot data index 0 using 1:2:3:4:5 with candlesticks lc rgb '#888888' notitle "
        "whiskerbars 0.4, \\\n"
        "     data index 0 using 1:6:6:6:6 with candlesticks lc rgb '#333333' lw 2 notitle";
    for (std::size_t i = 0; i < chart.series.size(); ++i)
        script += fmt::format(
            ", \\\n     data index {} using 1:2 with points pt {} ps 0.7 lc rgb "
            "'{}' title {}",
            i + 1, chart.series[i].look.point, chart.series[i].look.colour,
            script_text(chart.series[i].label));
    script += "\n";
    return result;
}

}  // namespace ring3::analysis
