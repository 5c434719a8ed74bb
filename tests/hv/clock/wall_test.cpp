// SPDX-License-Identifier: MIT
// How the wall clock measures what a machine can do in a time.
#include <chrono>
#include <thread>

#include <gtest/gtest.h>

#include "hv/base/registry.hpp"
#include "hv/clock/clock.hpp"

namespace ring3 {
namespace {

using namespace std::chrono_literals;

TEST(WallClock, takes_no_sleep_for_slowness) {
    Params params{"clock"};
    const auto clock = Registry<Clock>::create("wall", params);
    std::uint64_t retired = 0;
    for (int i = 0; i < 20; ++i) {
        std::this_thread::sleep_for(1ms);
        retired += 100'000;
        clock->budget(retired, never);
    }
    const std::uint64_t awake = clock->budget(retired, never);
    EXPECT_GT(awake, 1000u);
    for (int i = 0; i < 20; ++i) {
        clock->idle(retired, clock->now(retired) + 2ms);
        std::this_thread::sleep_for(2ms);
        clock->budget(retired, never);
        retired += 1000;
        clock->budget(retired, never);
    }
    EXPECT_GT(4 * clock->budget(retired, never), awake);
}

TEST(WallClock, knows_the_time_behind_a_sleep) {
    Params params{"clock"};
    const auto clock = Registry<Clock>::create("wall", params);
    const Time before = clock->now(0);
    clock->idle(0, before + 2ms);
    clock->now(0);  // as a back end may ask on the way
    std::this_thread::sleep_for(2ms);
    EXPECT_GE(clock->now(0), before + 2ms);
}

}  // namespace
}  // namespace ring3
