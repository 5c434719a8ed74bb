// SPDX-License-Identifier: MIT
#include "analysis/stats/estimate.hpp"

#include <algorithm>

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

double drawn_median(const Sample& sample, std::span<const std::uint64_t> drawn, Random& random) {
    std::vector<double> medians, values;
    for (std::size_t i = 0; i < sample.runs.size(); ++i) {
        const std::vector<double>& run = sample.runs[drawn[i] % sample.runs.size()];
        values.clear();
        for (std::size_t k = 0; k < run.size(); ++k)
            values.push_back(run[random.below(run.size())]);
        medians.push_back(median(values));
    }
    return median(medians);
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

double p_value_of(std::span<const double> ratios) {
    const auto at_most = std::ranges::count_if(ratios, [](double r) { return r <= 1; });
    const auto at_least = std::ranges::count_if(ratios, [](double r) { return r >= 1; });
    const auto rarer = static_cast<double>(std::min(at_most, at_least) + 1);
    return std::min(1.0, 2 * rarer / static_cast<double>(ratios.size() + 1));
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
    estimate.runs = ~std::size_t{0};
    for (const SamplePair& pair : pairs) {
        for (const Sample* sample : {pair.above, pair.below}) {
            all_certain &= is_certain(*sample);
            any_lonely |= !sample->exact && sample->values() == 1;
            any_within |= !sample->exact && sample->runs.size() == 1;
            estimate.runs = std::min(estimate.runs, sample->runs.size());
        }
        ratios.push_back(
            ratio_of(median(pair.above->run_medians()), median(pair.below->run_medians())));
    }
    estimate.value = geometric_mean(ratios);
    if (all_certain) {
        estimate.interval = Interval{estimate.value, estimate.value, 1};
        estimate.how = Estimate::How::exact;
        estimate.p_value = estimate.value == 1 ? 1 : 0;
    } else if (!any_lonely) {
        const std::vector<double> drawn = drawn_means(pairs);
        estimate.interval =
            Interval{quantile(drawn, (1 - level) / 2), quantile(drawn, (1 + level) / 2), level};
        estimate.how = any_within ? Estimate::How::within_run : Estimate::How::bootstrap;
        estimate.p_value = p_value_of(drawn);
    }
    return estimate;
}

}  // namespace ring3::analysis
