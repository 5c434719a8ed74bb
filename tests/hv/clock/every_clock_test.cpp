// SPDX-License-Identifier: MIT
// What every clock promises, and what only the virtual one does.
#include <gtest/gtest.h>

#include "hv/base/errors.hpp"
#include "hv/base/registry.hpp"
#include "hv/clock/clock.hpp"

namespace ring3 {
namespace {

using namespace std::chrono_literals;

class EveryClock : public ::testing::TestWithParam<std::string> {
protected:
    Params params{"clock"};
    std::unique_ptr<Clock> clock = Registry<Clock>::create(GetParam(), params);
};

TEST_P(EveryClock, starts_near_zero_and_never_goes_back) {
    Time last = clock->now(0);
    EXPECT_LT(last, Time{10s});
    for (std::uint64_t retired = 0; retired < 100'000; retired += 777) {
        const Time now = clock->now(retired);
        ASSERT_LE(last, now);
        last = now;
    }
}

TEST_P(EveryClock, gives_a_budget_of_at_least_one) {
    EXPECT_GE(clock->budget(0, Time{}), 1u);
    EXPECT_GE(clock->budget(1000, Time{1ns}), 1u);
    EXPECT_GE(clock->budget(1000, never), 1u);
}

TEST_P(EveryClock, reaches_a_deadline_by_idling) {
    const Time deadline = clock->now(0) + 2ms;
    for (int asked = 0; clock->now(0) < deadline; ++asked) {
        ASSERT_LT(asked, 100'000'000);
        clock->idle(0, deadline);
    }
    EXPECT_EQ(clock->idle(0, deadline), 0ns);
    EXPECT_GE(clock->now(0), deadline);
}

TEST_P(EveryClock, knows_a_date_of_this_millennium) {
    EXPECT_GE(clock->date_at_start(), Duration{946'684'800s});
}

INSTANTIATE_TEST_SUITE_P(Registered, EveryClock, ::testing::ValuesIn([] {
                             std::vector<std::string> names;
                             for (const auto& entry : Registry<Clock>::names())
                                 names.push_back(entry.name);
                             return names;
                         }()),
                         [](const auto& clock_name) { return clock_name.param; });

std::unique_ptr<Clock> virtual_clock(std::int64_t instruction_ps = 1000) {
    Params params("clock");
    params.set("instruction_ps", {instruction_ps, "test"});
    return Registry<Clock>::create("virtual", params);
}

TEST(Virtual, takes_one_nanosecond_for_an_instruction_by_default) {
    EXPECT_EQ(virtual_clock()->now(123'456), Time{123'456ns});
}

TEST(Virtual, reaches_the_deadline_with_the_last_instruction_of_the_budget) {
    for (const std::int64_t ps : {1, 333, 999, 1000, 1001, 2500, 1'000'000}) {
        const auto clock = virtual_clock(ps);
        clock->idle(17, Time{5us});
        for (const std::uint64_t retired : {17u, 100u, 12'345u}) {
            const Time deadline = clock->now(retired) + 1234ns;
            const std::uint64_t budget = clock->budget(retired, deadline);
            EXPECT_GE(clock->now(retired + budget), deadline) << ps;
            EXPECT_LT(clock->now(retired + budget - 1), deadline) << ps;
        }
    }
}

TEST(Virtual, jumps_over_idle_time_at_once) {
    const auto clock = virtual_clock();
    EXPECT_EQ(clock->idle(10, Time{1h}), 0ns);
    EXPECT_EQ(clock->now(10), Time{1h});
    EXPECT_EQ(clock->now(15), Time{1h} + 5ns);
}

TEST(Virtual, does_not_go_back_for_a_deadline_that_has_passed) {
    const auto clock = virtual_clock();
    clock->idle(1000, Time{10ns});
    EXPECT_EQ(clock->now(1000), Time{1us});
    EXPECT_EQ(clock->budget(1000, Time{10ns}), 1u);
}

TEST(Virtual, refuses_an_unknown_cost_model) {
    Params params("clock");
    params.set("cost_model", {std::string("bumpy"), "lab.toml:2"});
    EXPECT_THROW(Registry<Clock>::create("virtual", params), ConfigError);
}

}  // namespace
}  // namespace ring3
