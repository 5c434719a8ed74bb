// SPDX-License-Identifier: MIT
#include "analysis/compare/compare.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace ring3::analysis {
namespace {

constexpr double significance = 0.05;

Change judge(const Comparison& one, double threshold) {
    if (one.change == Change::same) return Change::same;
    if (!one.speed.interval) return Change::unclear;
    const Interval& interval = *one.speed.interval;
    const double most = 1 + threshold, least = 1 / most;
    if (interval.low >= least && interval.high <= most) return Change::same;
    if (one.p_value > significance) return Change::unclear;
    if (one.speed.value > most && interval.low > 1) return Change::better;
    if (one.speed.value < least && interval.high < 1) return Change::worse;
    return Change::unclear;
}

bool is_same_place(const Point& a, const Point& b) {
    return a.platform == b.platform && a.workload == b.workload && a.size == b.size &&
           a.factors == b.factors;
}

std::string name_of(const Point& point) {
    return fmt::format("{} {}{}{}", point.label(), point.workload, point.size.empty() ? "" : "/",
                       point.size);
}

std::string state_of(const Measured& measured) {
    return measured.mark().empty() ? "measured" : measured.mark();
}

void compare_points(const Measured& before, const Measured& after, CompareResult& result) {
    if (before.mark() != after.mark())
        result.remarks.push_back(fmt::format("{}: {} before, {} after", name_of(after.point),
                                             state_of(before), state_of(after)));
    if (before.point.clock != after.point.clock)
        result.remarks.push_back(fmt::format("{}: {} clock before, {} clock after",
                                             name_of(after.point), before.point.clock,
                                             after.point.clock));
    for (const auto& [quantity, mine] : after.measures) {
        const auto found = before.measures.find(quantity);
        if (mine.sample.empty() || found == before.measures.end() || found->second.sample.empty())
            continue;
        Comparison one;
        one.point = after.point;
        one.quantity = quantity;
        one.unit = mine.unit;
        one.better = mine.better;
        one.before = estimate_median(found->second.sample);
        one.after = estimate_median(mine.sample);
        one.speed = speed_ratio(mine, found->second);
        one.delta = cliffs_delta(mine.sample.flat(), found->second.sample.flat());
        if (mine.sample.runs == found->second.sample.runs) one.change = Change::same;
        result.comparisons.push_back(one);
    }
}

}  // namespace

const char* change_name(Change change) {
    switch (change) {
        case Change::better:
            return "better";
        case Change::worse:
            return "worse";
        case Change::same:
            return "same";
        case Change::unclear:
            return "unclear";
    }
    return "";
}

CompareResult compare(const std::vector<Measured>& before, const std::vector<Measured>& after,
                      double threshold) {
    CompareResult result;
    const auto only = [](const std::vector<Measured>& all, const Point& point) {
        return std::ranges::none_of(
            all, [&](const Measured& one) { return is_same_place(one.point, point); });
    };
    for (const Measured& mine : after)
        for (const Measured& its : before)
            if (is_same_place(mine.point, its.point)) compare_points(its, mine, result);
    for (const Measured& its : before)
        if (only(after, its.point))
            result.remarks.push_back(name_of(its.point) + ": only in the first");
    for (const Measured& mine : after)
        if (only(before, mine.point))
            result.remarks.push_back(name_of(mine.point) + ": only in the second");
    std::vector<double> p_values;
    for (const Comparison& one : result.comparisons) p_values.push_back(one.speed.p_value);
    p_values = holm(p_values);
    for (std::size_t i = 0; i < p_values.size(); ++i) {
        result.comparisons[i].p_value = p_values[i];
        result.comparisons[i].change = judge(result.comparisons[i], threshold);
    }
    return result;
}

}  // namespace ring3::analysis
