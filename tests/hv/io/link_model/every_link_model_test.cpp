// SPDX-License-Identifier: MIT
// What is asked of each link model, and what is special to each.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <vector>

#include "hv/base/registry.hpp"
#include "hv/io/link_model/link_model.hpp"

namespace ring3 {
namespace {

using namespace std::chrono_literals;

std::unique_ptr<LinkModel> make(const std::string& name,
                                std::map<std::string, std::int64_t> given = {},
                                std::uint64_t stream = 0) {
    Params params{"net"};
    for (const auto& [key, value] : given) params.set(key, {value, "test"});
    return Registry<LinkModel>::create(name, params, stream);
}

TEST(EveryLinkModel, never_lets_frames_overtake_and_repeats_itself) {
    for (const PolicyName& policy : Registry<LinkModel>::names()) {
        const auto one = make(policy.name), other = make(policy.name);
        Time now{}, last{};
        for (int i = 0; i < 1000; ++i) {
            now += Duration{i % 7 * 1000};
            const auto bytes = static_cast<std::size_t>(60 + i * 37 % 1455);
            const auto arrival = one->arrival(now, bytes);
            EXPECT_EQ(arrival, other->arrival(now, bytes)) << policy.name;
            if (!arrival) continue;
            EXPECT_GE(*arrival, now) << policy.name;
            EXPECT_GE(*arrival, last) << policy.name;
            last = *arrival;
        }
    }
}

TEST(LinkModel, takes_the_time_that_the_bandwidth_and_the_latency_make) {
    const auto link = make("link", {{"bandwidth_kbit_per_s", 8000}, {"latency_us", 500}});
    const Time start{1s};
    // 8 Mbit/s: a byte each microsecond.
    EXPECT_EQ(link->arrival(start, 1000), start + 1000us + 500us);
    EXPECT_EQ(link->arrival(start, 1000), start + 2000us + 500us) << "behind the first";
    EXPECT_EQ(link->arrival(start + 10ms, 60), start + 10ms + 60us + 500us) << "the line is free";
}

TEST(LinkModel, rounds_no_frame_to_less_time_than_it_takes) {
    const auto link = make("link", {{"bandwidth_kbit_per_s", 7}});
    EXPECT_EQ(link->arrival(Time{}, 1), Time{Duration{1'142'858}});
}

TEST(LinkModel, loses_what_does_not_fit_into_its_queue) {
    const auto link = make("link", {{"bandwidth_kbit_per_s", 8}, {"queue_bytes", 2000}});
    EXPECT_TRUE(link->arrival(Time{}, 1000));
    EXPECT_TRUE(link->arrival(Time{}, 1000));
    EXPECT_TRUE(link->arrival(Time{}, 1000)) << "2000 bytes wait: the limit";
    EXPECT_FALSE(link->arrival(Time{}, 1000));
    EXPECT_TRUE(link->arrival(Time{1s}, 1000)) << "one has left";
}

TEST(LinkModel, loses_as_many_as_it_was_told_and_the_same_each_time) {
    const auto losses = [](std::int64_t seed, std::uint64_t stream) {
        const auto link = make("link", {{"loss_ppm", 100'000}, {"seed", seed}}, stream);
        std::vector<bool> lost;
        for (int i = 0; i < 100'000; ++i) lost.push_back(!link->arrival(Time{}, 100));
        return lost;
    };
    const auto first = losses(1, 5);
    EXPECT_NEAR(static_cast<double>(std::ranges::count(first, true)), 10'000, 300);
    EXPECT_EQ(first, losses(1, 5));
    EXPECT_NE(first, losses(2, 5));
    EXPECT_NE(first, losses(1, 6)) << "another link loses other frames";
}

TEST(LinkModel, may_lose_all_or_none) {
    const auto all = make("link", {{"loss_ppm", 1'000'000}});
    const auto none = make("link", {{"loss_ppm", 0}});
    for (int i = 0; i < 1000; ++i) {
        EXPECT_FALSE(all->arrival(Time{}, 100));
        EXPECT_TRUE(none->arrival(Time{}, 100));
    }
}

TEST(LinkModel, survives_the_slowest_link_with_the_longest_queue) {
    const auto link = make("link", {{"bandwidth_kbit_per_s", 1}, {"queue_bytes", 1 << 30}});
    std::optional<Time> arrival = Time{};
    std::uint64_t passed = 0;
    for (; arrival; ++passed) arrival = link->arrival(Time{}, 65'535);
    EXPECT_EQ(passed, (std::uint64_t{1} << 30) / 65'535 + 2);
}

}  // namespace
}  // namespace ring3
