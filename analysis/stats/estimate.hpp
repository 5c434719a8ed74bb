// SPDX-License-Identifier: MIT
// Estimates with their intervals, of samples that are nested: runs, and iterations inside of each.
// Values of one run are alike, so that runs are what counts; iterations alone tell only of the
// spread inside a run.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "analysis/stats/statistics.hpp"

namespace ring3::analysis {

/// What was measured of one thing at one point.
struct Sample {
    std::vector<std::vector<double>> runs;  ///< none of them empty
    /// Under the virtual clock: a repetition gives the same, so one value is the whole truth.
    bool exact = false;

    bool empty() const { return runs.empty(); }
    std::size_t values() const;
    std::vector<double> flat() const;
    /// One value for each run: the median of its iterations.
    std::vector<double> run_medians() const;
};

struct Estimate {
    /// How the interval came about.
    enum class How : std::uint8_t { none, exact, order_statistics, within_run, bootstrap, student };

    double value = 0;
    std::optional<Interval> interval;  ///< nothing where one value is all there is
    How how = How::none;
    std::size_t runs = 0;
    /// Of ratios: how likely a difference from 1 as great would be if there were none, by the
    /// bootstrap; 1 where no interval can be given.
    double p_value = 1;
};

/// The median of the runs' medians.
Estimate estimate_median(const Sample& sample);

/// median(above) / median(below), with the percentile interval of a hierarchical bootstrap: draws
/// runs, then iterations of each (Davison and Hinkley 1997, section 3.8). Always the same draws.
/// Of two runs such an interval holds the truth in 66 % of all cases in place of 95 %, of three in
/// 90 %: with fewer than `fewest_for_bootstrap` on either side it is Student's, with Welch's
/// degrees of freedom, of the logarithms of the runs' medians.
constexpr std::size_t fewest_for_bootstrap = 5;
Estimate estimate_ratio(const Sample& above, const Sample& below);

struct SamplePair {
    const Sample* above;
    const Sample* below;
};
/// The geometric mean of the pairs' ratios. The runs that a draw takes are the same for all pairs:
/// what disturbs a run disturbs every program in it.
Estimate estimate_geometric_mean(std::span<const SamplePair> pairs);

}  // namespace ring3::analysis
