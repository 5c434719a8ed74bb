// SPDX-License-Identifier: MIT
// Statistics of single samples. Zero variance is the normal case (the virtual clock): it gives an
// interval of width 0, and nothing here gives NaN for numbers.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace ring3::analysis {

struct Interval {
    double low = 0, high = 0;
    double level = 0;  ///< how often such an interval holds the true value: 0.95
    bool operator==(const Interval&) const = default;
};

/// The p-quantile, 0 to 1, with linear interpolation (type 7 of Hyndman and Fan 1996). The sample
/// is not empty, here and below.
double quantile(std::span<const double> sample, double p);
double median(std::span<const double> sample);

/// For the median, from two values of the sample, whatever the distribution: the narrowest
/// symmetric pair that reaches `level`. A sample too small for that (below 6 for 0.95) gives least
/// and greatest value, with the level that they do reach: 1 - 2^(1 - n).
Interval order_statistic_interval(std::span<const double> sample, double level = 0.95);

double mean(std::span<const double> sample);
/// For ratios only, which are positive.
double geometric_mean(std::span<const double> ratios);
/// For rates, which are positive.
double harmonic_mean(std::span<const double> rates);

/// Jain's index of fairness: 1 where all shares are equal, 1/n where one has everything.
double jain_index(std::span<const double> shares);

/// Cliff's delta, an effect size without assumptions: the share of pairs where `a` is greater less
/// that where `b` is; 1: every value of `a` is above all of `b`; 0: neither tends to be.
double cliffs_delta(std::span<const double> a, std::span<const double> b);
/// Its usual words (Romano et al. 2006): negligible, small, medium, large.
const char* cliffs_delta_word(double delta);

struct EcdfStep {
    double value = 0, share = 0;  ///< `share` of the sample is at most `value`
    bool operator==(const EcdfStep&) const = default;
};
/// The empirical distribution, one step for each different value.
std::vector<EcdfStep> ecdf(std::span<const double> sample);

/// Holm's correction: the p values adjusted for their number, in the order given.
std::vector<double> holm(std::span<const double> p_values);

}  // namespace ring3::analysis
