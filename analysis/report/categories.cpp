// SPDX-License-Identifier: MIT
// A factor whose values are names (schedulers, neighbours): what each value costs against the first
// one, on every platform by itself.
#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <tuple>

#include <fmt/format.h>

#include "analysis/report/evaluation.hpp"
#include "analysis/report/factors.hpp"
#include "analysis/text/numbers.hpp"

namespace ring3::analysis {
namespace {

constexpr std::size_t most_series = 8;

/// What others have published of a program beside a neighbour: how many per cent it lost.
struct PublishedLoss {
    const char *program, *neighbour, *figure, *workload, *metric, *platform, *label;
};
constexpr const char* below_earlier = "score below earlier result";
constexpr const char* degradation = "degradation of good responses, well-behaved VMs";
constexpr PublishedLoss published_losses[] = {
    {"ir", "hostile", "Sec4.4", "OSDB-IR next to 2 hostile domains", below_earlier, "Xen",
     "Xen 2003"},
    {"closed", "hostile", "Sec4.4", "SPEC WEB99 next to 2 hostile domains", below_earlier, "Xen",
     "Xen 2003"},
    {"closed", "compute", "Matthews07-T1", "CPU", degradation, "Xen 3.0", "Xen 3.0, 2007"},
    {"closed", "fork-bomb", "Matthews07-T1", "Fork", degradation, "Xen 3.0", "Xen 3.0, 2007"},
    {"closed", "memory-hog", "Matthews07-T1", "Memory", degradation, "Xen 3.0", "Xen 3.0, 2007"},
    {"closed", "disk-hog", "Matthews07-T1", "Disk intensive", degradation, "Xen 3.0",
     "Xen 3.0, 2007"},
    {"closed", "compute", "Matthews07-T1", "CPU", degradation, "OpenVZ 2.6.18", "OpenVZ, 2007"},
    {"closed", "fork-bomb", "Matthews07-T1", "Fork", degradation, "OpenVZ 2.6.18", "OpenVZ, 2007"},
    {"closed", "memory-hog", "Matthews07-T1", "Memory", degradation, "OpenVZ 2.6.18",
     "OpenVZ, 2007"},
    {"closed", "disk-hog", "Matthews07-T1", "Disk intensive", degradation, "OpenVZ 2.6.18",
     "OpenVZ, 2007"},
};

/// One factor of names, with the points of one workload that differ in it.
struct Category {
    std::string workload, size, key;
    std::vector<std::string> values;  ///< in their order; what the others are compared with first
    std::vector<const Measured*> points;

    const Measured* point(const std::string& platform, const std::string& value) const {
        for (const Measured* one : points)
            if (one->point.platform == platform &&
                value_of(parse_factors(one->point.factors), key) == value)
                return one;
        return nullptr;
    }
    const Measured* reference(const Measured& one) const {
        return point(one.point.platform, values.front());
    }
};

/// The only factor that varies, if its values are names.
std::vector<Category> categories_of(const Evaluation& evaluation) {
    std::vector<Category> all;
    for (const Measured& one : evaluation.measured) {
        auto found = std::ranges::find_if(all, [&](const Category& category) {
            return category.workload == one.point.workload && category.size == one.point.size;
        });
        if (found == all.end()) {
            all.push_back({one.point.workload, one.point.size, "", {}, {}});
            found = all.end() - 1;
        }
        found->points.push_back(&one);
    }
    for (Category& category : all) {
        std::map<std::string, std::vector<std::string>> values;
        for (const Measured* one : category.points)
            for (const auto& [key, value] : parse_factors(one->point.factors))
                if (std::ranges::find(values[key], value) == values[key].end())
                    values[key].push_back(value);
        std::erase_if(values, [](const auto& entry) { return entry.second.size() < 2; });
        if (values.size() == 1) std::tie(category.key, category.values) = *values.begin();
    }
    std::erase_if(all, [](const Category& category) {
        return category.key.empty() || std::ranges::all_of(category.values, [](const auto& value) {
                   return number_of(value).has_value();
               });
    });
    return all;
}

const Measure* measured_at(const Measured* one, const Quantity& quantity) {
    if (one == nullptr) return nullptr;
    const auto found = one->measures.find(quantity);
    const bool has = found != one->measures.end() && !found->second.sample.empty();
    return has ? &found->second : nullptr;
}

/// One chart: a group for each value, a series for each of the points' platforms or quantities.
class Builder {
public:
    Builder(const Evaluation& evaluation, const Category& category)
        : evaluation_(evaluation), category_(category) {
        for (const std::string& value : category.values) bars_.groups.push_back({value, {}});
    }

    void add(const std::string& label, const std::string& kind, const std::string& platform,
             const Quantity& quantity) {
        if (measured_at(category_.point(platform, category_.values.front()), quantity) == nullptr)
            return;
        bars_.series.push_back({label, palette_.look(label, kind), false});
        for (std::size_t i = 0; i < category_.values.size(); ++i) {
            const Measured* const one = category_.point(platform, category_.values[i]);
            if (one != nullptr) bars_.groups[i].bars.push_back(bar_of(*one, quantity));
        }
    }

    void add_published(const std::string& program) {
        for (const PublishedLoss& loss : published_losses) {
            const auto value = std::ranges::find(category_.values, loss.neighbour);
            if (loss.program != program || value == category_.values.end()) continue;
            const double percent = published_value(evaluation_.published, loss.figure,
                                                   loss.workload, loss.metric, loss.platform);
            if (std::isnan(percent)) continue;
            auto series = std::ranges::find(bars_.series, loss.label, &BarChart::Series::label);
            if (series == bars_.series.end()) {
                bars_.series.push_back({loss.label, palette_.look(loss.label), true});
                series = bars_.series.end() - 1;
            }
            bars_.groups[static_cast<std::size_t>(value - category_.values.begin())].bars.push_back(
                {static_cast<std::size_t>(series - bars_.series.begin()), 1 - percent / 100,
                 std::nullopt, fmt::format("{:g}%", percent == 0 ? 0 : -percent)});
            has_published_ = true;
        }
    }

    std::optional<Chart> chart(const std::string& what, const std::string& name) {
        if (bars_.series.empty()) return std::nullopt;
        const std::string reference =
            fmt::format("{} = {}", category_.key, category_.values.front());
        bars_.y_label = fmt::format("speed relative to {}", reference);
        bars_.about = {
            file_name(name), fmt::format("{} by {}", what, category_.key),
            fmt::format("Higher is better. Each platform is compared with itself where {}; the "
                        "numbers on top are absolute{}. Lines are 95% intervals of the ratio.{}",
                        reference, unit_.empty() ? "" : ", in " + unit_,
                        has_published_ ? " Hatched: what others have published of other programs "
                                         "on other hardware, in no statistic."
                                       : ""),
            fmt::format("Bars of {} over {}.", what, category_.key)};
        return draw_bars(bars_);
    }

private:
    BarChart::Bar bar_of(const Measured& one, const Quantity& quantity) {
        BarChart::Bar bar{bars_.series.size() - 1, std::nullopt, std::nullopt, one.mark()};
        const Measure* const mine = measured_at(&one, quantity);
        const Measured* const reference = category_.reference(one);
        const Measure* const its = measured_at(reference, quantity);
        if (!bar.text.empty() || mine == nullptr || its == nullptr) {
            if (bar.text.empty()) bar.text = "no value";
            return bar;
        }
        const Estimate speed = speed_ratio(*mine, *its);
        bar.height = speed.value;
        if (reference != &one) bar.interval = speed.interval;
        bar.text = significant(estimate_median(mine->sample).value);
        unit_ = mine->unit;
        return bar;
    }

    std::string file_name(const std::string& name) const {
        std::string text = fmt::format("by-{}-{}-{}", category_.key, category_.workload, name);
        std::ranges::replace_if(
            text, [](char c) { return std::isalnum(static_cast<unsigned char>(c)) == 0; }, '-');
        return text;
    }

    const Evaluation& evaluation_;
    const Category& category_;
    Palette palette_;
    BarChart bars_;
    std::string unit_;
    bool has_published_ = false;
};

/// What has a value at the first value of the factor, on any platform.
std::set<Quantity> quantities_of(const Category& category) {
    std::set<Quantity> quantities;
    for (const Measured* one : category.points)
        if (category.reference(*one) == one)
            for (const auto& [quantity, measure] : one->measures)
                if (!measure.sample.empty()) quantities.insert(quantity);
    // What a neighbour does is another program at each value: there is nothing to compare.
    std::erase_if(quantities, [&](const Quantity& quantity) {
        return std::ranges::none_of(category.points, [&](const Measured* one) {
            return category.reference(*one) != one && one->measures.contains(quantity);
        });
    });
    return quantities;
}

}  // namespace

void add_categories(const Evaluation& evaluation, Document& document) {
    const std::vector<std::string> platforms = evaluation.platforms();
    const auto add = [&](const std::optional<Chart>& chart) {
        if (chart) document.add(*chart);
    };
    for (const Category& category : categories_of(evaluation)) {
        const std::set<Quantity> quantities = quantities_of(category);
        if (quantities.empty() || quantities.size() > most_series || platforms.size() > most_series)
            continue;
        if (platforms.size() == 1) {
            Builder builder(evaluation, category);
            for (const Quantity& quantity : quantities)
                builder.add(quantity.label(), "", platforms[0], quantity);
            add(builder.chart(fmt::format("{} on {}", category.workload, platforms[0]),
                              platforms[0]));
            continue;
        }
        for (const Quantity& quantity : quantities) {
            Builder builder(evaluation, category);
            for (const std::string& platform : platforms)
                builder.add(platform, evaluation.kind_of(platform), platform, quantity);
            builder.add_published(quantity.program);
            add(builder.chart(quantity.label(), quantity.label()));
        }
    }
}

}  // namespace ring3::analysis
