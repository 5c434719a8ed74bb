// SPDX-License-Identifier: MIT
#include "tests/analysis/charts/samples.hpp"

#include <cmath>
#include <limits>

namespace ring3::analysis {
namespace {

About about(const char* name) { return {name, "A title", "A caption.", "A text."}; }

BarChart bars() {
    Palette palette;
    BarChart chart{about("bars"), "relative to native Linux", {}, {}};
    chart.series = {{"native", palette.look("native", "native"), false},
                    {"ring3", palette.look("ring3", "ring3"), false},
                    {"uml", palette.look("uml", "uml"), false},
                    {"qemu-tcg", palette.look("qemu-tcg", "qemu-tcg"), false},
                    {"Linux 2003", palette.look("native"), true},
                    {"Xen 2003", palette.look("ring3"), true},
                    {"VMware 2003", palette.look("vmware", "command"), true},
                    {"UML 2003", palette.look("uml"), true}};
    const char* names[] = {
        "SPEC INT2000\ns\n2003: score",  "Linux build\ns",
        "OSDB-IR\ntx/s\n2003: tuples/s", "OSDB-OLTP\ntx/s\n2003: tuples/s",
        "dbench\nMB/s\n2003: score",     "SPEC WEB99\nconnections\n2003: clients"};
    const double published[6][4] = {{567, 567, 554, 550}, {263, 271, 334, 535},
                                    {172, 158, 80, 65},   {1714, 1633, 199, 306},
                                    {418, 400, 310, 111}, {518, 514, 150, 172}};
    for (std::size_t i = 0; i < 6; ++i) {
        const double x = static_cast<double>(i);
        BarChart::Group group{
            names[i],
            {{0, 1, Interval{0.98, 1.02, 0.95}, "1.68"},
             {1, 0.85 - 0.06 * x, Interval{0.8 - 0.06 * x, 0.9 - 0.06 * x, 0.95}, "1.98"},
             {2, 0.3 - 0.04 * x, std::nullopt, "12.6"},
             {3, 0.1, std::nullopt, "16.8"}}};
        if (i == 4) group.bars[2] = {2, std::nullopt, std::nullopt, "DNR"};
        if (i == 5) group.bars[3] = {3, std::nullopt, std::nullopt, "skipped"};
        for (std::size_t k = 0; k < 4; ++k) {
            const double ratio =
                i == 1 ? published[i][0] / published[i][k] : published[i][k] / published[i][0];
            group.bars.push_back(
                {4 + k, ratio, std::nullopt, std::to_string(static_cast<int>(published[i][k]))});
        }
        chart.groups.push_back(group);
    }
    return chart;
}

BarChart few_bars() {
    BarChart chart = bars();
    chart.about.name = "bars-few";
    chart.groups.resize(1);
    chart.groups[0].bars.resize(3);
    return chart;
}

BarChart high_bars() {
    BarChart chart = bars();
    chart.about.name = "bars-cut";
    chart.groups.resize(3);
    chart.groups[1].bars[1].height = 3.93;
    chart.groups[1].bars[1].interval = Interval{3.8, 4.1, 0.95};
    return chart;
}

DotChart dots() {
    Palette palette;
    DotChart chart{about("dots"), "speed relative to native Linux", {}, {}};
    chart.series = {{"native", palette.look("native", "native")},
                    {"ring3", palette.look("ring3", "ring3")},
                    {"uml", palette.look("uml", "uml")}};
    for (const char* name :
         {"spec-int-like\ntest", "kernel-build\nxs", "oltp\ntest", "dbench\ntest"}) {
        DotChart::Group group{name, {}};
        for (std::size_t series = 0; series < 3; ++series) {
            DotChart::Column column{series, {}};
            for (int i = 0; i < 9; ++i)
                column.values.push_back((1 + 0.05 * std::sin(i * 2.5)) /
                                        (1 + 3.0 * static_cast<double>(series)));
            group.columns.push_back(column);
        }
        chart.groups.push_back(group);
    }
    return chart;
}

EcdfChart distribution() {
    Palette palette;
    EcdfChart chart{about("ecdf"), "null_call (us)", {}};
    for (const auto& [name, kind, scale] :
         {std::tuple{"native", "native", 0.1}, {"ring3", "ring3", 0.35}, {"uml", "uml", 6.0}}) {
        EcdfChart::Series series{name, palette.look(name, kind), {}};
        for (int i = 0; i < 40; ++i)
            series.values.push_back(scale * (1 + 0.3 * std::sin(i * 1.7) + i * 0.01));
        chart.series.push_back(series);
    }
    return chart;
}

ScalingChart scaling() {
    Palette palette;
    ScalingChart chart{about("scaling"), "domains", "throughput, one domain = 1", {}, 2.0, true};
    Line mine{"ring3, 5 ms slice", palette.look("ring3", "ring3"), {}, false};
    Line published{"Xen 2003, 5 ms slice", palette.look("xen"), {}, true};
    const double seen[] = {1, 2, 1.93, 1.88, 1.86, 1.86, 1.85, 1.85};
    for (int i = 0; i < 8; ++i) {
        const double n = std::pow(2, i);
        published.at.push_back({n, seen[i], std::nullopt});
        const double y = std::min(n, 1.97 - 0.03 * i);
        mine.at.push_back({n, y, Interval{y - 0.05, y + 0.05, 0.95}});
    }
    chart.lines = {mine, published};
    return chart;
}

HeatMap map() {
    constexpr double none = std::numeric_limits<double>::quiet_NaN();
    return {about("heat-map"),
            "scheduler.slice_us",
            "scheduler.name",
            "conforming (connections)",
            {"1000", "5000", "20000", "100000"},
            {"bvt", "credit2", "round_robin"},
            {{100, 120, 118, 90}, {107, 131, none, 95}, {88, 92, 99, 70.25}}};
}

GanttChart schedule() {
    Palette palette;
    GanttChart chart{about("gantt"), {"pCPU 0", "pCPU 1"}, {}, {}};
    for (const char* name : {"Domain-0", "web", "database", "fork-bomb"})
        chart.who.push_back({name, palette.look(name)});
    double free_at[2] = {0, 0};
    for (std::size_t i = 0; i < 40; ++i) {
        const double length = 1 + static_cast<double>(i * 7 % 5);
        double& at = free_at[i % 2];
        chart.turns.push_back({i % 2, i * 3 % 4, at, at + length});
        at += length + (i % 3 == 0 ? 1 : 0);
    }
    return chart;
}

SeriesChart memory() {
    Palette palette;
    SeriesChart chart{about("memory"), "virtual time (s)", "memory (MiB)", {}};
    for (const int domain : {1, 2, 3}) {
        Line line{
            "domain " + std::to_string(domain), palette.look(std::to_string(domain)), {}, false};
        for (int i = 0; i <= 60; ++i)
            line.at.push_back(
                {i * 0.5, 64 + 12 * domain * std::sin(i * 0.1 * domain), std::nullopt});
        chart.lines.push_back(line);
    }
    return chart;
}

RunOrderChart order() {
    Palette palette;
    RunOrderChart chart{about("run-order"), {}, {{13, "DNR"}, {31, "timeout"}}};
    for (std::size_t series = 0; series < 3; ++series) {
        const char* const names[] = {"native", "ring3", "uml"};
        RunOrderChart::Series one{names[series], palette.look(names[series], names[series]), {}};
        for (std::size_t run = 1 + series; run <= 40; run += 3)
            if (run != 13 && run != 31)
                one.dots.push_back(
                    {static_cast<double>(run),
                     1 + 0.03 * std::sin(static_cast<double>(run) * 1.3) + (run == 20 ? 0.2 : 0),
                     run == 20});
        chart.series.push_back(one);
    }
    return chart;
}

ForestChart forest() {
    Palette palette;
    ForestChart chart{about("forest"), "speed relative to native Linux (log scale)", {}, {}};
    chart.series = {{"ring3", palette.look("ring3", "ring3")}, {"uml", palette.look("uml", "uml")}};
    for (std::size_t series = 0; series < 2; ++series) {
        double ratio = series == 0 ? 0.35 : 0.04;
        for (const char* program : {"gzip", "vpr", "gcc", "mcf", "crafty", "parser"}) {
            chart.rows.push_back(
                {program, series, ratio, Interval{ratio * 0.93, ratio * 1.05, 0.95}, false});
            ratio *= 1.21;
        }
        chart.rows.push_back({"geometric mean", series, ratio * 0.6,
                              Interval{ratio * 0.57, ratio * 0.63, 0.95}, true});
    }
    return chart;
}

}  // namespace

std::vector<Chart> sample_charts() {
    return {draw_bars(bars()),       draw_bars(few_bars()),     draw_bars(high_bars()),
            draw_dots(dots()),       draw_ecdf(distribution()), draw_scaling(scaling()),
            draw_heat_map(map()),    draw_gantt(schedule()),    draw_series(memory()),
            draw_run_order(order()), draw_forest(forest())};
}

}  // namespace ring3::analysis
