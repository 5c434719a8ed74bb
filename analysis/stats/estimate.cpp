// SPDX-License-Identifier: MIT
#include "analysis/stats/estimate.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include <boost/math/distributions/students_t.hpp>

#include "hv/base/check.hpp"
#include "hv/base/random.hpp"

namespace ring3::analysis {
namespace {

constexpr std::size_t draws = 2000;
constexpr std::uint64_t seed = 2003;
constexpr double level = 0.95;

bool is_certain(const Sample& sample) { return sample.exact && sample.runs.size() == 1; }

/// One draw of runs, as numbers that every sample of as many runs takes alike.
std::vector<std::uint64_t> draw_runs(std::size_t count, Random& random) {
    std::vector<std::uint64_t> drawn(count);
    for (std::uint64_t& number : drawn) number = random.next();
    return drawn;
}

/// As median(), which copies and sorts; a bootstrap asks for millions.
double median_in_place(std::vector<double>& values) {
    if (values.size() == 1) return values[0];
    const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
    std::nth_element(values.begin(), middle, values.end());
    if (values.size() % 2 == 1) return *middle;
    const double below = *std::max_element(values.begin(), middle);
    return below == *middle ? below : below * 0.5 + *middle * 0.5;
}

double drawn_median(const Sample& sample, std::span<const std::uint64_t> drawn, Random& random) {
    std::vector<double> medians, values;
    medians.reserve(sample.runs.size());
    for (std::size_t i = 0; i < sample.runs.size(); ++i) {
        const std::vector<double>& run = sample.runs[drawn[i] % sample.runs.size()];
        values.clear();
        for (std::size_t k = 0; k < run.size(); ++k)
            values.push_back(run[random.below(run.size())]);
        medians.push_back(median_in_place(values));
    }
    return median_in_place(medians);
}

double ratio_of(double above, double below) { return above == below ? 1 : above / below; }

std::size_t most_runs(std::span<const SamplePair> pairs, const Sample* SamplePair::*side) {
    std::size_t most = 0;
    for (const SamplePair& pair : pairs) most = std::max(most, (pair.*side)->runs.size());
    return most;
}

std::vector<double> drawn_means(std::span<const SamplePair> pairs) {
    Random random{seed};
    std::vector<double> means, ratios;
    for (std::size_t i = 0; i < draws; ++i) {
        const auto above = draw_runs(most_runs(pairs, &SamplePair::above), random);
        const auto below = draw_runs(most_runs(pairs, &SamplePair::below), random);
        ratios.clear();
        for (const SamplePair& pair : pairs)
            ratios.push_back(ratio_of(drawn_median(*pair.above, above, random),
                                      drawn_median(*pair.below, below, random)));
        means.push_back(geometric_mean(ratios));
    }
    return means;
}

/// What one side of a pair varies by: the medians of runs, or, where there is one run only, its
/// iterations.
std::vector<double> units_of(const Sample& sample) {
    return sample.runs.size() > 1 || sample.exact ? sample.run_medians() : sample.runs[0];
}

/// Logarithms of one side's units, averaged over all pairs unit by unit: what disturbs a run
/// disturbs every program in it.
struct LogSide {
    double mean = 0;
    double mean_variance = 0;  ///< of that mean
    double degrees_of_freedom = 1;
};

/// Where the pairs have different numbers of units, nobody knows which belong together: as if all
/// were disturbed alike, which gives the widest interval.
LogSide log_side(std::span<const SamplePair> pairs, const Sample* SamplePair::*side) {
    const auto count = static_cast<double>(pairs.size());
    std::vector<double> sums;
    bool are_alike = true;
    double spread = 0, fewest = std::numeric_limits<double>::infinity();
    LogSide result;
    for (const SamplePair& pair : pairs) {
        std::vector<double> logs = units_of(*(pair.*side));
        for (double& value : logs) value = std::log(value);
        const double middle = mean(logs);
        result.mean += middle / count;
        double squares = 0;
        for (const double value : logs) squares += (value - middle) * (value - middle);
        const auto n = static_cast<double>(logs.size());
        if (n > 1) {
            spread += std::sqrt(squares / (n - 1) / n) / count;
            fewest = std::min(fewest, n);
        }
        if (sums.empty()) sums.resize(logs.size());
        are_alike &= sums.size() == logs.size();
        for (std::size_t i = 0; are_alike && i < logs.size(); ++i) sums[i] += logs[i] / count;
    }
    result.mean_variance = spread * spread;
    result.degrees_of_freedom = std::isfinite(fewest) ? fewest - 1 : 1;
    if (are_alike && sums.size() > 1) {
        double squares = 0;
        for (const double sum : sums) squares += (sum - result.mean) * (sum - result.mean);
        const auto n = static_cast<double>(sums.size());
        result.mean_variance = squares / (n - 1) / n;
        result.degrees_of_freedom = n - 1;
    }
    return result;
}

/// Student's interval of the difference of two means of logarithms, with Welch's degrees of
/// freedom.
void estimate_by_student(std::span<const SamplePair> pairs, Estimate& estimate) {
    const LogSide above = log_side(pairs, &SamplePair::above);
    const LogSide below = log_side(pairs, &SamplePair::below);
    const double difference = above.mean - below.mean;
    const double variance = above.mean_variance + below.mean_variance;
    double low = difference, high = difference;
    estimate.p_value = estimate.value == 1 ? 1 : 0;
    if (variance > 0) {
        const auto part = [](const LogSide& side) {
            return side.mean_variance * side.mean_variance / side.degrees_of_freedom;
        };
        const boost::math::students_t_distribution<double> student{variance * variance /
                                                                   (part(above) + part(below))};
        const double half = boost::math::quantile(student, (1 + level) / 2) * std::sqrt(variance);
        low -= half;
        high += half;
        estimate.p_value = 2 * boost::math::cdf(boost::math::complement(
                                   student, std::abs(difference) / std::sqrt(variance)));
    }
    // The estimate is one of medians, and the interval one of means: it is to hold both.
    estimate.interval = Interval{std::min(std::exp(low), estimate.value),
                                 std::max(std::exp(high), estimate.value), level};
}

/// Logarithms are of numbers above zero.
bool are_positive(std::span<const SamplePair> pairs) {
    for (const SamplePair& pair : pairs)
        for (const Sample* sample : {pair.above, pair.below})
            for (const auto& run : sample->runs)
                if (std::ranges::any_of(run, [](double value) { return value <= 0; })) return false;
    return true;
}

/// By the spread of the drawn logarithms and Student's distribution. Counting draws beyond 1 would
/// end at one in 2000, which no correction for many comparisons leaves significant.
double p_value_of(double ratio, std::span<const double> drawn, double degrees_of_freedom) {
    if (ratio == 1) return 1;
    std::vector<double> logarithms;
    for (const double one : drawn)
        if (one > 0) logarithms.push_back(std::log(one));
    if (logarithms.size() < drawn.size() || ratio <= 0) return 1;
    const double middle = mean(logarithms);
    double squares = 0;
    for (const double one : logarithms) squares += (one - middle) * (one - middle);
    const double spread = std::sqrt(squares / static_cast<double>(logarithms.size() - 1));
    if (spread == 0) return 0;
    const boost::math::students_t_distribution<double> student{degrees_of_freedom};
    return 2 *
           boost::math::cdf(boost::math::complement(student, std::abs(std::log(ratio)) / spread));
}

/// Of the smaller kind of count: runs where there are several on both sides, else values.
double degrees_of_freedom(std::span<const SamplePair> pairs) {
    std::size_t fewest = ~std::size_t{0};
    for (const SamplePair& pair : pairs) {
        std::size_t count = 0;
        for (const Sample* sample : {pair.above, pair.below})
            count += sample->runs.size() > 1 ? sample->runs.size() : sample->values();
        fewest = std::min(fewest, count);
    }
    return static_cast<double>(std::max<std::size_t>(fewest, 3) - 2);
}

}  // namespace

std::size_t Sample::values() const {
    std::size_t count = 0;
    for (const auto& run : runs) count += run.size();
    return count;
}

std::vector<double> Sample::flat() const {
    std::vector<double> all;
    for (const auto& run : runs) all.insert(all.end(), run.begin(), run.end());
    return all;
}

std::vector<double> Sample::run_medians() const {
    std::vector<double> medians;
    for (const auto& run : runs) medians.push_back(median(run));
    return medians;
}

Estimate estimate_median(const Sample& sample) {
    HV_CHECK(!sample.empty(), "an estimate of an empty sample");
    const std::vector<double> medians = sample.run_medians();
    Estimate estimate{median(medians), std::nullopt, Estimate::How::none, medians.size(), 1};
    if (is_certain(sample)) {
        estimate.interval = Interval{estimate.value, estimate.value, 1};
        estimate.how = Estimate::How::exact;
    } else if (medians.size() > 1) {
        estimate.interval = order_statistic_interval(medians, level);
        estimate.how = Estimate::How::order_statistics;
    } else if (sample.runs[0].size() > 1) {
        estimate.interval = order_statistic_interval(sample.runs[0], level);
        estimate.how = Estimate::How::within_run;
    }
    return estimate;
}

Estimate estimate_ratio(const Sample& above, const Sample& below) {
    const SamplePair pair{&above, &below};
    return estimate_geometric_mean({&pair, 1});
}

Estimate estimate_geometric_mean(std::span<const SamplePair> pairs) {
    HV_CHECK(!pairs.empty(), "a mean of no ratios");
    Estimate estimate;
    std::vector<double> ratios;
    bool all_certain = true, any_lonely = false, any_within = false;
    std::size_t fewest = ~std::size_t{0};
    estimate.runs = ~std::size_t{0};
    for (const SamplePair& pair : pairs) {
        for (const Sample* sample : {pair.above, pair.below}) {
            all_certain &= is_certain(*sample);
            any_lonely |= !sample->exact && sample->values() == 1;
            any_within |= !sample->exact && sample->runs.size() == 1;
            estimate.runs = std::min(estimate.runs, sample->runs.size());
            if (!is_certain(*sample)) fewest = std::min(fewest, units_of(*sample).size());
        }
        ratios.push_back(
            ratio_of(median(pair.above->run_medians()), median(pair.below->run_medians())));
    }
    estimate.value = geometric_mean(ratios);
    if (all_certain) {
        estimate.interval = Interval{estimate.value, estimate.value, 1};
        estimate.how = Estimate::How::exact;
        estimate.p_value = estimate.value == 1 ? 1 : 0;
    } else if (!any_lonely && fewest < fewest_for_bootstrap && are_positive(pairs)) {
        estimate_by_student(pairs, estimate);
        estimate.how = any_within ? Estimate::How::within_run : Estimate::How::student;
    } else if (!any_lonely) {
        const std::vector<double> drawn = drawn_means(pairs);
        estimate.interval =
            Interval{quantile(drawn, (1 - level) / 2), quantile(drawn, (1 + level) / 2), level};
        estimate.how = any_within ? Estimate::How::within_run : Estimate::How::bootstrap;
        estimate.p_value = p_value_of(estimate.value, drawn, degrees_of_freedom(pairs));
    }
    return estimate;
}

}  // namespace ring3::analysis
