// SPDX-License-Identifier: MIT
// The kinds of charts, as plain numbers and words in and a Chart out. What the pictures share:
// units on the axes, bars from zero, no line between categories, intervals told in the caption.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "analysis/charts/chart.hpp"
#include "analysis/charts/palette.hpp"
#include "analysis/stats/statistics.hpp"

namespace ring3::analysis {

/// What every chart is told: Chart's own fields of these names.
struct About {
    std::string name, title, caption, alt;
};

/// A chart of the common width with nothing drawn yet.
inline Chart chart_of(const About& about, int height, std::string data = "") {
    return {about.name, about.title, about.caption, about.alt, 900, height, "", std::move(data)};
}

/// Bars in groups, as in figure 3 of the SOSP 2003 paper on Xen.
struct BarChart {
    struct Series {
        std::string label;
        Look look;
        bool is_published = false;  ///< drawn hatched
    };
    struct Bar {
        std::size_t series = 0;
        std::optional<double> height;
        std::optional<Interval> interval;
        std::string text;  ///< on top: the absolute number; without height what stands instead
    };
    struct Group {
        std::string label;
        std::vector<Bar> bars;
    };
    /// Ratios are told from 1, by a line, and cut where one is far from it.
    enum class Scale : std::uint8_t { ratios, amounts };
    About about;
    std::string y_label;
    std::vector<Series> series;
    std::vector<Group> groups;
    Scale scale = Scale::ratios;
};
Chart draw_bars(const BarChart& chart);
/// Some bar is so much higher than 1 that the others would not be seen beside it: it is cut.
bool is_cut(const BarChart& chart);
/// No bar is, but the interval of one goes on above where its line ends.
bool cuts_lines(const BarChart& chart);

/// Every value as a dot, over a box of quartiles where there are five values or more.
struct DotChart {
    struct Column {
        std::size_t series = 0;
        std::vector<double> values;
    };
    struct Group {
        std::string label;
        std::vector<Column> columns;
    };
    struct Series {
        std::string label;
        Look look;
    };
    About about;
    std::string y_label;
    std::vector<Series> series;
    std::vector<Group> groups;
};
Chart draw_dots(const DotChart& chart);

/// Values over a numeric or ordered axis, each series with its intervals.
struct Line {
    struct At {
        double x = 0, y = 0;
        std::optional<Interval> interval;
    };
    std::string label;
    Look look;
    std::vector<At> at;
    bool is_published = false;  ///< drawn dashed, with open points
};

struct EcdfChart {
    About about;
    std::string x_label;
    struct Series {
        std::string label;
        Look look;
        std::vector<double> values;
    };
    std::vector<Series> series;
};
Chart draw_ecdf(const EcdfChart& chart);

/// What n of something achieve, in units of what one does; with the line of perfect use.
struct ScalingChart {
    About about;
    std::string x_label, y_label;
    std::vector<Line> lines;
    std::optional<double> ideal_limit;  ///< perfect use ends here: the number of CPUs
    bool has_ideal = true;
};
Chart draw_scaling(const ScalingChart& chart);

struct HeatMap {
    About about;
    std::string x_label, y_label, value_label;
    std::vector<std::string> columns, rows;
    /// values[row][column]; NaN: not measured.
    std::vector<std::vector<double>> values;
};
Chart draw_heat_map(const HeatMap& chart);

/// Who had which pCPU when.
struct GanttChart {
    struct Turn {
        std::size_t lane = 0, who = 0;
        double start_ms = 0, end_ms = 0;
    };
    struct Who {
        std::string label;
        Look look;
    };
    About about;
    std::vector<std::string> lanes;
    std::vector<Who> who;
    std::vector<Turn> turns;
};
Chart draw_gantt(const GanttChart& chart);

/// Something over time, as steps: memory of domains.
struct SeriesChart {
    About about;
    std::string x_label, y_label;
    std::vector<Line> lines;
};
Chart draw_series(const SeriesChart& chart);

/// Values in the order of running, each relative to the median of its own kind: is there drift?
struct RunOrderChart {
    struct Dot {
        double run = 0, relative = 0;
        bool noisy = false;
    };
    struct Series {
        std::string label;
        Look look;
        std::vector<Dot> dots;
    };
    struct Lost {
        double run = 0;
        std::string status;
    };
    About about;
    std::vector<Series> series;
    std::vector<Lost> lost;  ///< runs without values
};
Chart draw_run_order(const RunOrderChart& chart);

/// Ratios with their intervals, one below the other, on a logarithmic axis.
struct ForestChart {
    struct Row {
        std::string label;
        std::size_t series = 0;
        double ratio = 1;
        std::optional<Interval> interval;
        bool is_mean = false;  ///< of the rows above it
    };
    struct Series {
        std::string label;
        Look look;
    };
    About about;
    std::string x_label;
    std::vector<Series> series;
    std::vector<Row> rows;
};
Chart draw_forest(const ForestChart& chart);

/// "0.5, 1, 2, 5, 10..." around these values, for a logarithmic axis: gnuplot's tics and range.
std::string log_axis(const char* axis, double low, double high);

}  // namespace ring3::analysis
