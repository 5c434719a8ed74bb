// SPDX-License-Identifier: MIT
#include "hv/trace/timeline.hpp"

#include <gtest/gtest.h>

#include "tests/hv/trace/sample.hpp"

namespace ring3::trace {
namespace {

TEST(Timeline, pairs_each_run_with_its_stop_on_the_same_pcpu) {
    const std::vector<Slice> all = slices(sample().records);
    ASSERT_EQ(all.size(), 3u);
    EXPECT_EQ(all[0].who, (VcpuName{1, 0}));
    EXPECT_EQ(all[0].from_ns, 10u);
    EXPECT_EQ(all[0].to_ns, 30u);
    EXPECT_EQ(all[0].why, 3u);
    EXPECT_EQ(all[1].pcpu, 1);
    EXPECT_EQ(all[1].to_ns, 60u);
    EXPECT_FALSE(all[2].why.has_value()) << "the trace ends before it";
    EXPECT_EQ(all[2].to_ns, 100u);
}

TEST(Timeline, tells_how_long_a_vcpu_was_in_each_state) {
    const auto all = summarize(sample().records);
    const VcpuSummary& first = all.at({1, 0});
    EXPECT_EQ(first.state_ns, (std::array<std::uint64_t, 4>{20 + 30, 10 + 10, 30, 0}));
    EXPECT_EQ(first.runs, 2u);
    EXPECT_EQ(first.wakes, 2u);
    EXPECT_EQ(first.wake_to_run_ns, (std::vector<std::uint64_t>{10, 10}));
    EXPECT_EQ(first.stops_by_why, (std::array<std::uint64_t, 4>{0, 0, 0, 1}));
    EXPECT_EQ(first.hypercalls, (std::map<std::uint64_t, std::uint64_t>{{29, 1}}));
    EXPECT_EQ(all.size(), 2u) << "neither devices nor an idle pCPU are a vCPU";
}

TEST(Timeline, has_nothing_to_tell_of_nothing) {
    EXPECT_TRUE(slices({}).empty());
    EXPECT_TRUE(stays({}).empty());
    EXPECT_TRUE(summarize({}).empty());
}

TEST(Percentile, is_the_smallest_value_that_so_many_do_not_exceed) {
    const std::vector<std::uint64_t> values{1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
    EXPECT_EQ(percentile(values, 0), 1u);
    EXPECT_EQ(percentile(values, 10), 1u);
    EXPECT_EQ(percentile(values, 11), 2u);
    EXPECT_EQ(percentile(values, 50), 5u);
    EXPECT_EQ(percentile(values, 100), 10u);
}

}  // namespace
}  // namespace ring3::trace
