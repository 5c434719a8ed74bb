// SPDX-License-Identifier: MIT
#include "analysis/stats/statistics.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include <Eigen/Core>
#include <boost/math/distributions/binomial.hpp>

#include "hv/base/check.hpp"

namespace ring3::analysis {
namespace {

Eigen::Map<const Eigen::ArrayXd> array_of(std::span<const double> sample) {
    HV_CHECK(!sample.empty(), "a statistic of an empty sample");
    return {sample.data(), static_cast<Eigen::Index>(sample.size())};
}

std::vector<double> sorted(std::span<const double> sample) {
    HV_CHECK(!sample.empty(), "a statistic of an empty sample");
    std::vector<double> values{sample.begin(), sample.end()};
    std::ranges::sort(values);
    return values;
}

}  // namespace

double quantile(std::span<const double> sample, double p) {
    const std::vector<double> values = sorted(sample);
    const double position = p * static_cast<double>(values.size() - 1);
    const auto below = static_cast<std::size_t>(position);
    if (below + 1 >= values.size()) return values.back();
    const double part = position - static_cast<double>(below);
    // Not a + part * (b - a): equal values would come out different in the last bit.
    if (part == 0 || values[below] == values[below + 1]) return values[below];
    return values[below] * (1 - part) + values[below + 1] * part;
}

double median(std::span<const double> sample) { return quantile(sample, 0.5); }

Interval order_statistic_interval(std::span<const double> sample, double level) {
    const std::vector<double> values = sorted(sample);
    const auto n = static_cast<double>(values.size());
    // The number of values below the median is binomial; rank r and its mirror hold the median
    // unless fewer than r fall on either side.
    const boost::math::binomial_distribution<double> below{n, 0.5};
    const auto coverage = [&](std::size_t rank) {
        return 1 - 2 * boost::math::cdf(below, static_cast<double>(rank) - 1);
    };
    std::size_t rank = 1;
    while (2 * (rank + 1) <= values.size() && coverage(rank + 1) >= level) ++rank;
    return {values[rank - 1], values[values.size() - rank], coverage(rank)};
}

double mean(std::span<const double> sample) { return array_of(sample).mean(); }

double geometric_mean(std::span<const double> ratios) {
    // Equal ratios must give themselves, not their logarithm's exponential.
    if (std::ranges::adjacent_find(ratios, std::not_equal_to<>{}) == ratios.end())
        return ratios.front();
    return std::exp(array_of(ratios).log().mean());
}

double harmonic_mean(std::span<const double> rates) { return 1 / array_of(rates).inverse().mean(); }

double jain_index(std::span<const double> shares) {
    const auto values = array_of(shares);
    const double squares = values.square().sum();
    // Nobody has anything: that is fair.
    if (squares == 0) return 1;
    const double sum = values.sum();
    return sum * sum / (static_cast<double>(shares.size()) * squares);
}

double cliffs_delta(std::span<const double> a, std::span<const double> b) {
    const auto left = array_of(a), right = array_of(b);
    Eigen::Index balance = 0;
    for (const double value : left) balance += (right < value).count() - (right > value).count();
    return static_cast<double>(balance) / static_cast<double>(left.size() * right.size());
}

const char* cliffs_delta_word(double delta) {
    const double size = std::abs(delta);
    return size < 0.147 ? "negligible" : size < 0.33 ? "small" : size < 0.474 ? "medium" : "large";
}

std::vector<EcdfStep> ecdf(std::span<const double> sample) {
    const std::vector<double> values = sorted(sample);
    std::vector<EcdfStep> steps;
    for (std::size_t i = 0; i < values.size(); ++i) {
        const double share = static_cast<double>(i + 1) / static_cast<double>(values.size());
        if (!steps.empty() && steps.back().value == values[i])
            steps.back().share = share;
        else
            steps.push_back({values[i], share});
    }
    return steps;
}

std::vector<double> holm(std::span<const double> p_values) {
    std::vector<std::size_t> order(p_values.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::ranges::stable_sort(order, {}, [&](std::size_t i) { return p_values[i]; });
    std::vector<double> adjusted(p_values.size());
    double greatest = 0;
    for (std::size_t rank = 0; rank < order.size(); ++rank) {
        const auto left = static_cast<double>(order.size() - rank);
        greatest = std::max(greatest, std::min(1.0, left * p_values[order[rank]]));
        adjusted[order[rank]] = greatest;
    }
    return adjusted;
}

}  // namespace ring3::analysis
