// SPDX-License-Identifier: MIT
// Where iterations become steady, on series whose answer is known.
#include "experiments/runner/record/steady.hpp"

#include <cmath>
#include <filesystem>

#include <gtest/gtest.h>
#include <unistd.h>

#include <fmt/format.h>

#include "analysis/load/counting.hpp"
#include "hv/base/random.hpp"

namespace ring3::record {
namespace {

constexpr experiment::SteadyRule rule{4, 0.02, 0.02};

std::vector<double> equal(std::size_t count, double value) {
    return std::vector<double>(count, value);
}

TEST(FindSteady, begins_at_once_where_nothing_varies) {
    for (const double value : {0.0, 1e-9, 3.0}) {
        const SteadySearch search = find_steady(equal(4, value), rule);
        EXPECT_TRUE(search.is_reached);
        EXPECT_EQ(search.first, 0U);
        EXPECT_EQ(search.variation, 0);
        EXPECT_EQ(search.drift, 0);
    }
}

TEST(FindSteady, leaves_out_what_is_cold) {
    const std::vector<double> series{9, 4, 1.2, 1.01, 1.0, 1.0, 1.01, 1.0};
    const SteadySearch search = find_steady(series, rule);
    EXPECT_TRUE(search.is_reached);
    EXPECT_EQ(search.first, 3U);
    EXPECT_LE(search.variation, 0.02);
}

TEST(FindSteady, sees_a_drift_that_a_spread_alone_would_let_pass) {
    // 1 % longer each time: four of them vary by 1.3 %, and rise by 3 %.
    std::vector<double> series;
    for (int i = 0; i < 12; ++i) series.push_back(std::pow(1.01, i));
    EXPECT_FALSE(find_steady(series, rule).is_reached);
    EXPECT_NEAR(find_steady(series, rule).drift, 0.0298, 1e-3);
    EXPECT_TRUE(find_steady(series, {4, 0.02, 0.04}).is_reached);
}

TEST(FindSteady, never_comes_where_values_jump) {
    std::vector<double> series;
    for (int i = 0; i < 30; ++i) series.push_back(i % 2 == 0 ? 1 : 1.1);
    const SteadySearch search = find_steady(series, rule);
    EXPECT_FALSE(search.is_reached);
    EXPECT_EQ(search.first, series.size());
    EXPECT_GT(search.variation, 0.05);
}

TEST(FindSteady, needs_a_whole_window) {
    EXPECT_FALSE(find_steady(equal(3, 1), rule).is_reached);
    EXPECT_FALSE(find_steady({}, rule).is_reached);
    EXPECT_FALSE(find_steady(std::vector<double>{1, -1, 1, -1}, rule).is_reached);
}

/// A warm-up of ten iterations that ends in noise of 0.5 %: the rule finds its end, give or take
/// the iterations in which the rest of the warm-up is below the bound.
TEST(FindSteady, finds_the_end_of_a_warm_up_in_noise) {
    for (std::uint64_t seed = 1; seed <= 50; ++seed) {
        Random random(seed);
        std::vector<double> series;
        for (int i = 0; i < 40; ++i) {
            const double noise = static_cast<double>(random.below(2001)) / 1000 - 1;
            series.push_back((1 + (i < 10 ? 0.1 * (10 - i) : 0)) * (1 + 0.005 * noise));
        }
        const SteadySearch search = find_steady(series, rule);
        EXPECT_TRUE(search.is_reached) << seed;
        EXPECT_GE(search.first, 8U) << seed;
        EXPECT_LE(search.first, 14U) << seed;
    }
}

/// A run of one program with these times, in seconds.
RunRecord run_of(const std::vector<int>& seconds) {
    RunRecord run;
    run.descriptor = "[experiment]\n";
    run.planned[""] = {{"p"}, static_cast<unsigned>(seconds.size()), rule};
    run.status = Status::ok;
    std::int64_t at = 0;
    for (const int one : seconds) {
        run.console.push_back({at, "", "start w p test"});
        at += one * std::int64_t{1'000'000'000};
        run.console.push_back({at, "", "end w p test"});
        run.console.push_back({at, "", "result w p test seconds=1.0 output=ok"});
    }
    return run;
}

class SteadyRun : public testing::Test {
protected:
    SteadyRun()
        : path_(std::filesystem::temp_directory_path() / fmt::format("steady-{}.h5", ::getpid())) {}
    ~SteadyRun() override { std::filesystem::remove(path_); }

    /// The values that count, after they went through a file.
    std::vector<double> counted(const RunRecord& record) {
        write_run_file(path_, record);
        run_ = analysis::load_run(path_);
        std::vector<double> values;
        for (const analysis::Value& value : run_.values)
            if (analysis::counts(run_, value, true)) values.push_back(value.value);
        return values;
    }

    std::filesystem::path path_;
    analysis::Run run_;
};

TEST_F(SteadyRun, counts_what_comes_from_its_steady_state_on_and_keeps_the_rest) {
    EXPECT_EQ(counted(run_of({90, 40, 10, 10, 10, 10, 11})),
              (std::vector<double>{10, 10, 10, 10, 11}));
    EXPECT_EQ(run_.values.size(), 7U);
    ASSERT_EQ(run_.steady.size(), 1U);
    EXPECT_TRUE(run_.steady[0].is_reached);
    EXPECT_EQ(run_.steady[0].first, 2U);
    EXPECT_EQ(run_.steady[0].window, 4U);
}

TEST_F(SteadyRun, counts_the_first_iteration_where_it_is_steady_from_there) {
    EXPECT_EQ(counted(run_of({10, 10, 10, 10})).size(), 4U);
}

TEST_F(SteadyRun, counts_nothing_where_it_never_was) {
    EXPECT_TRUE(counted(run_of({1, 2, 1, 2, 1, 2})).empty());
    EXPECT_EQ(run_.values.size(), 6U);
    EXPECT_FALSE(run_.steady.at(0).is_reached);
}

TEST_F(SteadyRun, without_a_rule_counts_all_but_the_first) {
    RunRecord run = run_of({9, 1, 2});
    run.planned[""].steady = {};
    EXPECT_EQ(counted(run), (std::vector<double>{1, 2}));
    EXPECT_TRUE(run_.steady.empty());
}

}  // namespace
}  // namespace ring3::record
