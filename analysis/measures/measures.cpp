// SPDX-License-Identifier: MIT
#include "analysis/measures/measures.hpp"

#include <algorithm>
#include <cmath>
#include <set>

#include <fmt/format.h>

#include "analysis/load/counting.hpp"

namespace ring3::analysis {
namespace {

Point point_of(const Cell& cell) {
    return {cell.platform, cell.platform_kind, cell.workload, cell.size, cell.clock, cell.factors};
}

Measured& at(std::vector<Measured>& all, const Point& point) {
    const auto found = std::ranges::find(all, point, &Measured::point);
    if (found != all.end()) return *found;
    all.emplace_back().point = point;
    return all.back();
}

/// A run's values of one quantity.
std::vector<double> values_of(const Run& run, const Quantity& quantity, bool has_warm) {
    std::vector<double> values;
    for (const Value& value : run.values)
        if (value.domain == quantity.domain && value.program == quantity.program &&
            value.metric == quantity.metric && is_measured(value) && counts(run, value, has_warm))
            values.push_back(value.value);
    return values;
}

/// Everything that was tried is a quantity of the point, also where nothing came of it.
void note_quantities(const Run& run, Measured& measured) {
    for (const Value& value : run.values) {
        Measure& measure = measured.measures[{value.domain, value.program, value.metric}];
        measure.unit = value.unit;
        measure.better = value.better;
        measure.is_warm |= value.warm && value.ok && run.status == Status::ok;
    }
}

void add_values(const Campaign& campaign, Measured& measured) {
    for (auto& [quantity, measure] : measured.measures) {
        measure.sample.exact = measured.point.is_virtual();
        std::map<std::uint32_t, std::vector<double>> of_cell;
        for (const Run& run : campaign.runs) {
            if (run.status != Status::ok || point_of(campaign.cell_of(run)) != measured.point)
                continue;
            const Steady* const steady =
                steady_of(run, quantity.domain, quantity.program, quantity.metric);
            if (steady != nullptr && !steady->is_reached)
                measured.unsteady.push_back(fmt::format("run {}: {}", run.run, quantity.label()));
            std::vector<double> values = values_of(run, quantity, measure.is_warm);
            if (values.empty()) continue;
            // A repetition under the virtual clock is no further observation.
            if (measure.sample.exact && of_cell.contains(run.cell)) {
                if (of_cell[run.cell] != values)
                    measured.not_repeated.push_back(
                        fmt::format("run {}: {}", run.run, quantity.label()));
                continue;
            }
            of_cell[run.cell] = values;
            measure.sample.runs.push_back(std::move(values));
        }
    }
}

/// One value of each for a run; under the virtual clock a repetition is no further observation.
void add_schedule(const Campaign& campaign, Measured& measured) {
    std::set<std::uint32_t> cells;
    for (const Run& run : campaign.runs) {
        if (run.status != Status::ok || point_of(campaign.cell_of(run)) != measured.point) continue;
        if (measured.point.is_virtual() && !cells.insert(run.cell).second) continue;
        for (const Value& value : run.schedule) {
            // Not to have waited is a value, too.
            if (!value.ok || !std::isfinite(value.value)) continue;
            Measure& measure = measured.schedule[{value.domain, value.program, value.metric}];
            measure.unit = value.unit;
            measure.better = value.better;
            measure.sample.exact = measured.point.is_virtual();
            measure.sample.runs.push_back({value.value});
        }
    }
}

const Measure* find(const Measured& measured, const Quantity& quantity) {
    const auto found = measured.measures.find(quantity);
    const bool has = found != measured.measures.end() && !found->second.sample.empty();
    return has ? &found->second : nullptr;
}

}  // namespace

bool is_measured(const Value& value) {
    return value.ok && std::isfinite(value.value) && value.value > 0;
}

bool is_time(const std::string& unit) {
    static const std::set<std::string> units{"s", "ms", "us", "ns"};
    return units.contains(unit);
}

std::string Point::label() const {
    return factors.empty() ? platform : fmt::format("{} ({})", platform, factors);
}

std::string Quantity::label() const {
    std::string text = domain.empty() ? program : fmt::format("{}/{}", domain, program);
    // "time" is what a program is measured by where nothing else is said.
    if (metric != "time") text += " " + metric;
    return text;
}

std::string Measured::mark() const {
    for (const auto& [quantity, measure] : measures)
        if (!measure.sample.empty()) return "";
    // The gravest first.
    for (const Status status :
         {Status::dnr, Status::failed, Status::timeout, Status::interrupted, Status::skipped})
        if (runs.contains(status)) return status_name(status);
    if (!unsteady.empty()) return "not steady";
    return runs.empty() ? "not run" : "no value";
}

std::vector<Measured> measure(const Campaign& campaign) {
    std::vector<Measured> all;
    for (const Cell& cell : campaign.cells) at(all, point_of(cell));
    for (const Run& run : campaign.runs) {
        Measured& measured = at(all, point_of(campaign.cell_of(run)));
        ++measured.runs[run.status];
        measured.noisy += run.noisy;
        if (run.status != Status::ok && measured.reason.empty()) measured.reason = run.reason;
        note_quantities(run, measured);
    }
    for (Measured& measured : all) {
        add_values(campaign, measured);
        add_schedule(campaign, measured);
    }
    std::map<std::pair<std::string, std::string>, std::size_t> place;
    const auto workload = [](const Measured& one) {
        return std::pair{one.point.workload, one.point.size};
    };
    for (const Measured& one : all) place.emplace(workload(one), place.size());
    std::ranges::stable_sort(all, {}, [&](const Measured& one) { return place[workload(one)]; });
    return all;
}

const Measured* baseline_of(const std::vector<Measured>& all, const Measured& measured,
                            const std::string& baseline) {
    const Measured* only = nullptr;
    std::size_t count = 0;
    for (const Measured& other : all) {
        if (other.point.platform != baseline || other.point.workload != measured.point.workload ||
            other.point.size != measured.point.size)
            continue;
        if (other.point.factors == measured.point.factors) return &other;
        only = &other;
        ++count;
    }
    return count == 1 ? only : nullptr;
}

Estimate speed_ratio(const Measure& measure, const Measure& than) {
    return measure.better == Better::higher ? estimate_ratio(measure.sample, than.sample)
                                            : estimate_ratio(than.sample, measure.sample);
}

Score score(const Measured& measured, const Measured& than, const std::vector<Quantity>& members) {
    Score result;
    std::vector<SamplePair> pairs;
    for (const Quantity& quantity : members) {
        const Measure *mine = find(measured, quantity), *its = find(than, quantity);
        if (mine == nullptr || its == nullptr) {
            result.missing.push_back(quantity.label());
            continue;
        }
        SamplePair pair{&mine->sample, &its->sample};
        if (mine->better == Better::lower) std::swap(pair.above, pair.below);
        pairs.push_back(pair);
    }
    result.quantities = pairs.size();
    if (result.missing.empty() && !pairs.empty()) result.speed = estimate_geometric_mean(pairs);
    return result;
}

std::vector<Quantity> members_of(const std::vector<Measured>& all, const std::string& workload,
                                 const std::string& size) {
    std::set<Quantity> members;
    for (const Measured& measured : all)
        if (measured.point.workload == workload && measured.point.size == size)
            for (const auto& [quantity, measure] : measured.measures) members.insert(quantity);
    return {members.begin(), members.end()};
}

std::optional<Absolute> absolute(const Measured& measured, const std::vector<Quantity>& members) {
    // By domain, and without it: what several domains achieve adds up.
    std::map<std::string, double> times;
    std::map<std::pair<std::string, std::string>, double> rates;
    std::string unit;
    // How often who works in the background came round is beside the point where others are timed.
    const auto is_beside = [&](const Quantity& quantity) {
        const Measure* const found = find(measured, quantity);
        return found != nullptr && found->unit == "rounds";
    };
    const bool are_all_beside = std::ranges::all_of(members, is_beside);
    for (const Quantity& quantity : members) {
        if (!are_all_beside && is_beside(quantity)) continue;
        const Measure* found = find(measured, quantity);
        if (found == nullptr || (!unit.empty() && found->unit != unit)) return std::nullopt;
        unit = found->unit;
        const double value = estimate_median(found->sample).value;
        times[quantity.domain] += value;
        rates[{quantity.program, quantity.metric}] += value;
    }
    if (times.empty()) return std::nullopt;
    double slowest = 0;
    for (const auto& [domain, time] : times) slowest = std::max(slowest, time);
    if (is_time(unit)) return Absolute{slowest, unit};
    std::vector<double> values;
    for (const auto& [program, rate] : rates) values.push_back(rate);
    return Absolute{values.size() == 1 ? values[0] : harmonic_mean(values), unit};
}

bool has_factors(const std::string& factors, const std::string& wanted) {
    const std::string there = ";" + factors + ";";
    for (std::size_t at = 0; at < wanted.size();) {
        const std::size_t end = std::min(wanted.find(';', at), wanted.size());
        if (there.find(";" + wanted.substr(at, end - at) + ";") == there.npos) return false;
        at = end + 1;
    }
    return true;
}

}  // namespace ring3::analysis
