// SPDX-License-Identifier: MIT
#include <algorithm>

#include <fmt/format.h>

#include "analysis/charts/kinds.hpp"
#include "analysis/text/numbers.hpp"

namespace ring3::analysis {
namespace {

// In widths of a bar.
constexpr double gap_before_published = 0.4, gap_between_groups = 1.6, fewest_slots = 26;
constexpr double plot_width_px = 820, widest_text_px = 44;

// Bars up to the first are shown whole, and lines up to there; where a bar is higher, all are cut
// at the second.
constexpr double highest_whole = 2, cut = 1.6;

struct Placed {
    const BarChart::Bar* bar;
    double x;
};

struct Layout {
    std::vector<Placed> bars;
    std::vector<double> group_middles;
    double end = 0;
};

Layout place(const BarChart& chart) {
    Layout layout;
    double x = 0;
    for (const BarChart::Group& group : chart.groups) {
        x += gap_between_groups / 2;
        const double start = x;
        bool before_published = true;
        for (const BarChart::Bar& bar : group.bars) {
            if (before_published && chart.series[bar.series].is_published) {
                if (x > start) x += gap_before_published;
                before_published = false;
            }
            layout.bars.push_back({&bar, x + 0.5});
            x += 1;
        }
        layout.group_middles.push_back((start + x) / 2);
        x += gap_between_groups / 2;
    }
    layout.end = x;
    return layout;
}

double top_of(const BarChart::Bar& bar) {
    const double height = bar.height.value_or(0);
    return bar.interval ? std::max(height, bar.interval->high) : height;
}

/// After as_drawn().
bool is_cut_here(const BarChart::Bar& bar) { return bar.height == cut; }

bool is_beyond(const BarChart::Bar& bar, double limit) { return bar.height.value_or(0) > limit; }

template <class Is>
bool has_bar(const BarChart& chart, Is is) {
    return std::ranges::any_of(chart.groups, [&](const BarChart::Group& group) {
        return std::ranges::any_of(group.bars, is);
    });
}

/// The bars as they are drawn, cut where that is needed.
BarChart as_drawn(BarChart chart) {
    if (chart.scale == BarChart::Scale::amounts) return chart;
    const bool cuts_bars = is_cut(chart);
    const double longest_line = cuts_bars ? cut : highest_whole;
    for (BarChart::Group& group : chart.groups)
        for (BarChart::Bar& bar : group.bars) {
            if (cuts_bars && is_beyond(bar, cut)) {
                bar.text += fmt::format(" ({}x)", ratio_text(*bar.height));
                bar.height = cut;
                bar.interval.reset();
            } else if (bar.interval) {
                bar.interval->high = std::min(bar.interval->high, longest_line);
            }
        }
    return chart;
}

/// Index i of the data: the bars of series i, then all texts and all that is missing.
std::string data_of(const BarChart& chart, const Layout& layout) {
    std::string data = "# x height low high text, one block for each platform\n";
    for (std::size_t series = 0; series < chart.series.size(); ++series) {
        data += fmt::format("# {}\n", chart.series[series].label);
        std::size_t lines = 0;
        for (const auto& [bar, x] : layout.bars) {
            if (bar->series != series || !bar->height) continue;
            const Interval interval =
                bar->interval.value_or(Interval{*bar->height, *bar->height, 0});
            data += fmt::format("{} {} {} {} {}\n", x, *bar->height, interval.low, interval.high,
                                data_word(bar->text));
            ++lines;
        }
        // gnuplot fails on a block without points, and counts none without lines.
        if (lines == 0) data += "-1000 0 0 0 \"\"\n";
        data += "\n\n";
    }
    data += "# texts: x y text\n";
    for (const auto& [bar, x] : layout.bars)
        if (bar->height) data += fmt::format("{} {} {}\n", x, top_of(*bar), data_word(bar->text));
    data += "-1000 0 \"\"\n\n\n# without a value: x 0 text\n";
    for (const auto& [bar, x] : layout.bars)
        if (!bar->height) data += fmt::format("{} 0 {}\n", x, data_word(bar->text));
    data += "-1000 0 \"\"\n\n\n# cut through: x y\n";
    for (const auto& [bar, x] : layout.bars)
        if (is_cut_here(*bar)) data += fmt::format("{} {}\n", x, cut * 0.94);
    return data + "-1000 0\n";
}

/// Whether groups' names, of one line each, are wider than their groups.
bool names_overlap(const BarChart& chart, const Layout& layout, double slots) {
    constexpr double letter_px = 7;
    double before = 0;
    for (std::size_t i = 0; i < chart.groups.size(); ++i) {
        const double half_px = letter_px * static_cast<double>(chart.groups[i].label.size()) / 2;
        const double middle_px = layout.group_middles[i] * plot_width_px / slots;
        if (i > 0 && middle_px - half_px < before) return true;
        before = middle_px + half_px;
    }
    return false;
}

}  // namespace

bool is_cut(const BarChart& chart) {
    if (chart.scale == BarChart::Scale::amounts) return false;
    return has_bar(chart, [](const BarChart::Bar& bar) { return is_beyond(bar, highest_whole); });
}

bool cuts_lines(const BarChart& chart) {
    if (chart.scale == BarChart::Scale::amounts || is_cut(chart)) return false;
    return has_bar(chart, [](const BarChart::Bar& bar) {
        return bar.interval && bar.interval->high > highest_whole;
    });
}

Chart draw_bars(const BarChart& whole) {
    const BarChart chart = as_drawn(whole);
    const Layout layout = place(chart);
    const double slots = std::max(layout.end, fewest_slots);
    const double margin = (slots - layout.end) / 2;
    const bool upright = plot_width_px / slots >= widest_text_px;
    const bool has_ratios = chart.scale == BarChart::Scale::ratios;
    double top = has_ratios ? 1 : 0;
    for (const auto& [bar, x] : layout.bars) top = std::max(top, top_of(*bar));

    Chart result = chart_of(chart.about, 500, data_of(chart, layout));
    std::string& script = result.script;
    script += fmt::format("set xrange [{}:{}]\nset yrange [0:{}]\n", -margin, layout.end + margin,
                          top * (upright         ? 1.1
                                 : is_cut(whole) ? 1.32
                                                 : 1.24));
    script +=
        fmt::format("set ylabel {}\nunset mxtics\nset xtics scale 0 (", script_text(chart.y_label));
    for (std::size_t i = 0; i < chart.groups.size(); ++i)
        script += fmt::format("{}{} {}", i == 0 ? "" : ", ", script_text(chart.groups[i].label),
                              layout.group_middles[i]);
    script += ")\nset boxwidth 0.92\nset bmargin 4.6\n";
    if (!has_ratios && names_overlap(chart, layout, slots))
        script += "set xtics rotate by 25 right offset 0,0.2\nset bmargin 7\nset lmargin 14\n";
    if (has_ratios)
        script +=
            "set arrow 1 from graph 0,first 1 to graph 1,first 1 nohead back "
            "lc rgb '#888888' dt 2\n";
    script += "plot ";
    for (std::size_t i = 0; i < chart.series.size(); ++i) {
        const BarChart::Series& series = chart.series[i];
        script +=
            fmt::format("data index {} using 1:2 with boxes {} lc rgb '{}' title {}, \\\n     ", i,
                        series.is_published ? "fs pattern 4" : "fs solid 1.0 noborder",
                        series.look.colour, script_text(series.label));
    }
    for (std::size_t i = 0; i < chart.series.size(); ++i)
        if (!chart.series[i].is_published)
            script += fmt::format(
                "data index {} using 1:3:(0):($4-$3) with vectors heads "
                "size graph 0.003,90 lc rgb 'black' notitle, \\\n"
                "     ",
                i);
    const char* const turn = upright ? "center offset 0,0.6" : "rotate left offset 0,0.35";
    script += fmt::format(
        "data index {} using 1:2:3 with labels {} font small notitle, \\\n"
        "     data index {} using 1:2:3 with labels rotate left offset 0,0.35 font small "
        "tc rgb '#aa0000' notitle, \\\n"
        "     data index {} using ($1-0.6):($2-0.02):(1.2):(0.04) with vectors nohead lw 5 "
        "lc rgb 'white' notitle\n",
        chart.series.size(), turn, chart.series.size() + 1, chart.series.size() + 2);
    return result;
}

}  // namespace ring3::analysis
