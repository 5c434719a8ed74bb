// SPDX-License-Identifier: MIT
// What a campaign measured: its values, gathered by point (platform, workload, size, factors) and
// quantity (program, metric). Only runs that ended well count, and of those the iterations that
// analysis/load/counting.hpp tells. Seeds are repetitions of a point.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "analysis/load/campaign.hpp"
#include "analysis/stats/estimate.hpp"

namespace ring3::analysis {

struct Point {
    std::string platform, platform_kind, workload, size, clock, factors;
    bool operator==(const Point&) const = default;

    bool is_virtual() const { return clock == "virtual"; }
    /// The platform, with its factors where it has any.
    std::string label() const;
};

struct Quantity {
    std::string domain, program, metric;
    auto operator<=>(const Quantity&) const = default;

    /// "program", or what tells it from the others: "domain/program metric".
    std::string label() const;
};

struct Measure {
    std::string unit;
    Better better{};
    Sample sample;         ///< may be empty: tried, and never right
    bool is_warm = false;  ///< first iterations were left out
};

/// A point with what was measured there.
struct Measured {
    Point point;
    std::map<Quantity, Measure> measures;
    /// What traces tell of the schedule: no part of any score.
    std::map<Quantity, Measure> schedule;
    std::map<Status, std::size_t> runs;  ///< how many ended how
    std::string reason;                  ///< of the first that did not end well
    std::size_t noisy = 0;
    /// Runs whose rule for a steady state never held: "run 3: gzip". They count for nothing.
    std::vector<std::string> unsteady;
    /// Runs that the virtual clock should have made equal, and that are not.
    std::vector<std::string> not_repeated;

    /// What stands in a chart where there is no value: DNR, skipped... Empty: there are values.
    std::string mark() const;
};

/// By workload, each in the order of the campaign's cells.
std::vector<Measured> measure(const Campaign& campaign);

/// The point that `measured` is compared with: the baseline's of the same workload and size, of the
/// same factors if there is one, else the only one. Null where there is none.
const Measured* baseline_of(const std::vector<Measured>& all, const Measured& measured,
                            const std::string& baseline);

/// How many times as fast `measure` is as `than`, whichever direction is the better one.
Estimate speed_ratio(const Measure& measure, const Measure& than);

/// A workload's score against that of another point.
struct Score {
    std::optional<Estimate> speed;  ///< geometric mean of the speed ratios; nothing if incomplete
    std::vector<std::string> missing;  ///< labels of quantities, at either point
    std::size_t quantities = 0;        ///< compared
};
/// `members` is what the workload consists of; no score without one of them.
Score score(const Measured& measured, const Measured& than, const std::vector<Quantity>& members);

/// All that any platform tried of a workload in a size.
std::vector<Quantity> members_of(const std::vector<Measured>& all, const std::string& workload,
                                 const std::string& size);

/// Whether statistics can take it: the output was right, and it is above zero. A time of zero is
/// one below what a clock tells apart, and nothing can be divided by it.
bool is_measured(const Value& value);

/// s, ms, us, ns.
bool is_time(const std::string& unit);

struct Absolute {
    double value = 0;
    std::string unit;
};
/// One number for a workload: the sum of its times, the harmonic mean of its rates, or its only
/// value; nothing where one of the members is missing or units differ. Of several domains the
/// rates add up, and the time is that of the last one.
std::optional<Absolute> absolute(const Measured& measured, const std::vector<Quantity>& members);

/// "a=1;b=2" holds all that `wanted` names.
bool has_factors(const std::string& factors, const std::string& wanted);

}  // namespace ring3::analysis
