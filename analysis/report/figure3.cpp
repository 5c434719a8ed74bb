// SPDX-License-Identifier: MIT
// Figure 3 of Barham et al., "Xen and the Art of Virtualization" (SOSP 2003), redrawn: the
// platforms of this campaign, and hatched beside them what was published.
#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "analysis/report/evaluation.hpp"
#include "analysis/text/numbers.hpp"

namespace ring3::analysis {
namespace {

constexpr std::size_t most_series = 8;

struct OfPaper {
    const char *platform, *label, *kind;
};
constexpr OfPaper of_paper[] = {
    {"native Linux (L)", "Linux 2003", "native"},
    {"XenoLinux (X)", "Xen 2003", "ring3"},
    {"VMware Workstation 3.2 (V)", "VMware 2003", "vmware"},
    {"UML skas3 (U)", "UML 2003", "uml"},
};
constexpr const char* relative = "relative score to Linux (computed from labels)";

Look look_of_kind(const std::string& kind) {
    // The colour that this kind of platform has here too; VMware's is nobody's else.
    return kind == "vmware" ? Look{"#D55E00", 14} : Palette{}.look(kind, kind);
}

/// The published absolute number of a row, as printed, and its unit.
const PublishedFigure* absolute_of(const Evaluation& evaluation, const char* row,
                                   const char* platform) {
    for (const PublishedFigure& figure : evaluation.published)
        if (figure.figure == "Fig3" && figure.workload == row && figure.platform == platform &&
            figure.unit != "ratio")
            return &figure;
    return nullptr;
}

/// The chart's series and groups grow together.
class Builder {
public:
    explicit Builder(const Evaluation& evaluation) : evaluation_(evaluation) {}

    std::optional<Chart> chart();

private:
    std::size_t series_of(const Point& point);
    void add_group(const Suite& suite, bool is_only_size);
    BarChart::Bar bar_of(const Measured& one, const std::vector<Quantity>& members);
    void add_published(const Figure3Row& row, BarChart::Group& group);
    void order_published_last();

    const Evaluation& evaluation_;
    Palette palette_;
    BarChart bars_;
    std::vector<std::string> notes_;
    bool any_wall_ = false, any_exact_ = false;
};

std::size_t Builder::series_of(const Point& point) {
    const std::string label = evaluation_.label(point);
    const auto found = std::ranges::find(bars_.series, label, &BarChart::Series::label);
    if (found == bars_.series.end())
        bars_.series.push_back({label, palette_.look(label, point.platform_kind), false});
    return static_cast<std::size_t>(
        std::ranges::find(bars_.series, label, &BarChart::Series::label) - bars_.series.begin());
}

BarChart::Bar Builder::bar_of(const Measured& one, const std::vector<Quantity>& members) {
    BarChart::Bar bar{series_of(one.point), std::nullopt, std::nullopt, one.mark()};
    const Measured* const base = evaluation_.baseline_of(one);
    if (!bar.text.empty() || base == nullptr) {
        if (bar.text.empty())
            bar.text = evaluation_.is_refused(one.point) ? "refused" : "no baseline";
        return bar;
    }
    const Score result = score(one, *base, members);
    if (!result.speed) {
        bar.text = base->mark().empty() ? "incomplete" : "no baseline";
        return bar;
    }
    bar.height = result.speed->value;
    if (&one != base) {
        bar.interval = result.speed->interval;
        if (bar.interval)
            (result.speed->how == Estimate::How::exact ? any_exact_ : any_wall_) = true;
    }
    const std::optional<Absolute> number = absolute(one, members);
    bar.text = number ? significant(number->value) : "";
    return bar;
}

void Builder::add_published(const Figure3Row& row, BarChart::Group& group) {
    for (const OfPaper& platform : of_paper) {
        const double height =
            published_value(evaluation_.published, "Fig3", row.title, relative, platform.platform);
        const PublishedFigure* const absolute =
            absolute_of(evaluation_, row.title, platform.platform);
        if (std::isnan(height) || absolute == nullptr) continue;
        const std::string label = platform.label;
        if (std::ranges::find(bars_.series, label, &BarChart::Series::label) == bars_.series.end())
            bars_.series.push_back({label, look_of_kind(platform.kind), true});
        const auto series = static_cast<std::size_t>(
            std::ranges::find(bars_.series, label, &BarChart::Series::label) -
            bars_.series.begin());
        group.bars.push_back({series, height, std::nullopt, absolute->text});
    }
}

/// The units of the numbers on top, here and there.
std::string units(const std::string& here, const PublishedFigure* published) {
    std::string there = published == nullptr ? "" : published->unit;
    there = there.substr(0, there.find(" ("));
    if (there.empty() || there == here) return here;
    return here.empty() ? "2003: " + there : fmt::format("{}\n2003: {}", here, there);
}

void Builder::add_group(const Suite& suite, bool is_only_size) {
    BarChart::Group group;
    std::string unit;
    for (const Measured& one : evaluation_.measured) {
        if (!suite.holds(one)) continue;
        group.bars.push_back(bar_of(one, suite.members));
        if (const auto number = absolute(one, suite.members)) unit = number->unit;
    }
    add_published(*suite.row, group);
    group.label =
        fmt::format("{}{}\n{}{}{}", suite.row->title, is_only_size ? "" : " " + suite.size,
                    suite.remark, suite.remark.empty() ? "" : ", ",
                    units(unit, absolute_of(evaluation_, suite.row->title, of_paper[0].platform)));
    bars_.groups.push_back(group);
}

void Builder::order_published_last() {
    std::vector<std::size_t> order;
    for (const bool published : {false, true})
        for (std::size_t i = 0; i < bars_.series.size(); ++i)
            if (bars_.series[i].is_published == published) order.push_back(i);
    std::vector<BarChart::Series> sorted;
    std::vector<std::size_t> place(order.size());
    for (std::size_t i = 0; i < order.size(); ++i) {
        place[order[i]] = i;
        sorted.push_back(bars_.series[order[i]]);
    }
    bars_.series = sorted;
    for (BarChart::Group& group : bars_.groups)
        for (BarChart::Bar& bar : group.bars) bar.series = place[bar.series];
}

std::string alt_of(const BarChart& chart) {
    std::string text = "Bar chart, speed relative to the baseline. ";
    for (const BarChart::Group& group : chart.groups) {
        text += group.label.substr(0, group.label.find('\n')) + ": ";
        for (std::size_t i = 0; i < group.bars.size(); ++i) {
            const BarChart::Bar& bar = group.bars[i];
            text += fmt::format("{}{} {}", i == 0 ? "" : ", ", chart.series[bar.series].label,
                                bar.height ? ratio_text(*bar.height) : bar.text);
        }
        text += ". ";
    }
    return text;
}

std::optional<Chart> Builder::chart() {
    const std::vector<Suite> suites = suites_of(evaluation_);
    for (const Figure3Row& row : figure3_rows()) {
        const auto is_its = [&](const Suite& suite) { return suite.row == &row; };
        const auto sizes = std::ranges::count_if(suites, is_its);
        for (const Suite& suite : suites)
            if (is_its(suite)) add_group(suite, sizes == 1);
    }
    const std::string& base = evaluation_.campaign.baseline;
    // A sweep of one platform has nobody to stand beside; its curves show it.
    if (bars_.groups.empty() || evaluation_.has_baseline_only() ||
        bars_.series.size() > most_series + std::size(of_paper))
        return std::nullopt;
    order_published_last();
    bars_.y_label = fmt::format("speed relative to {}", base);
    bars_.about = {"figure3", fmt::format("Speed relative to {}, beside the figures of 2003", base),
                   "", ""};
    std::string& caption = bars_.about.caption;
    caption = fmt::format(
        "Higher is better. A bar is the geometric mean of the programs' speeds relative to {} on "
        "this host; the number on top is absolute, in the unit below the workload. ",
        base);
    if (any_wall_)
        caption +=
            "Lines are 95% intervals of the ratio (hierarchical bootstrap over runs and "
            "iterations; Student's where there are fewer than five runs). ";
    else if (!any_exact_)
        caption += "One run tells of no interval. ";
    if (any_exact_) caption += "Ratios under the virtual clock are exact. ";
    if (is_cut(bars_))
        caption += "A bar that is cut at the upper edge has its height beside its number. ";
    if (cuts_lines(bars_)) caption += "A line that ends at 2 goes on; the table has its end. ";
    caption +=
        "Hatched: published figures (Barham et al., SOSP 2003, figure 3), relative to the Linux of "
        "that time on other hardware with other programs; they are in no statistic.";
    bars_.about.alt = alt_of(bars_);
    return draw_bars(bars_);
}

}  // namespace

std::optional<Chart> figure3_chart(const Evaluation& evaluation) {
    return Builder{evaluation}.chart();
}

void add_figure3(const Evaluation& evaluation, Document& document) {
    const std::optional<Chart> chart = figure3_chart(evaluation);
    if (chart) document.add(*chart);
    const auto has_spec = std::ranges::any_of(evaluation.measured, [](const Measured& one) {
        return one.point.workload == "spec-int-like";
    });
    if (has_spec)
        document.warning(
            "spec-int-like is unofficial: its programs stand in the places of those of SPEC "
            "INT2000, and nothing here is comparable to SPEC results.");
    if (evaluation.has_both_clocks())
        document.warning(
            "Some platforms keep virtual time and others the host's: where both stand in one "
            "chart, the first are marked, and their ratios compare two kinds of time.");
    if (evaluation.campaign.differences.empty()) return;
    Table table{{"platform", "what", "difference", "declared by"}, {}, "In what platforms differ."};
    for (const Difference& difference : evaluation.campaign.differences)
        table.rows.push_back({difference.platform, difference.what, difference.text,
                              difference.declared ? "the descriptor" : "the platform's nature"});
    document.add(table);
}

}  // namespace ring3::analysis
