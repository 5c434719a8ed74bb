// SPDX-License-Identifier: MIT
#include "hv/base/timer_queue.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace ring3 {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using namespace std::chrono_literals;

class TimerQueueTest : public ::testing::Test {
protected:
    TimerQueue::Timer::Action note(const char* name) {
        return [this, name](Time) { happened.emplace_back(name); };
    }
    TimerQueue queue;
    std::vector<std::string> happened;
    TimerQueue::Timer a{queue, "a", note("a")}, b{queue, "b", note("b")}, c{queue, "c", note("c")};
};

TEST_F(TimerQueueTest, is_never_when_nothing_is_set) { EXPECT_EQ(queue.next(), never); }

TEST_F(TimerQueueTest, does_what_is_due_in_the_order_of_the_times) {
    a.set(Time{30ns});
    b.set(Time{10ns});
    c.set(Time{40ns});
    EXPECT_EQ(queue.next(), Time{10ns});
    queue.run_due(Time{30ns});
    EXPECT_THAT(happened, ElementsAre("b", "a"));
    EXPECT_EQ(queue.next(), Time{40ns});
}

TEST_F(TimerQueueTest, keeps_the_order_of_the_calls_at_one_time) {
    b.set(Time{10ns});
    a.set(Time{10ns});
    c.set(Time{10ns});
    b.set(Time{10ns});
    queue.run_due(Time{10ns});
    EXPECT_THAT(happened, ElementsAre("a", "c", "b"));
}

TEST_F(TimerQueueTest, forgets_what_is_cancelled_or_gone) {
    a.set(Time{10ns});
    a.cancel();
    a.cancel();
    {
        TimerQueue::Timer gone(queue, "gone", note("gone"));
        gone.set(Time{10ns});
    }
    queue.run_due(Time{1s});
    EXPECT_THAT(happened, IsEmpty());
}

TEST_F(TimerQueueTest, leaves_what_an_action_sets_to_the_next_call) {
    int runs = 0;
    TimerQueue::Timer again(queue, "again", [&](Time) {
        ++runs;
        again.set(Time{5ns});
    });
    again.set(Time{5ns});
    queue.run_due(Time{10ns});
    EXPECT_EQ(runs, 1);
    queue.run_due(Time{10ns});
    EXPECT_EQ(runs, 2);
}

TEST_F(TimerQueueTest, lets_an_action_cancel_another_that_is_due) {
    TimerQueue::Timer first(queue, "first", [&](Time) { a.cancel(); });
    first.set(Time{1ns});
    a.set(Time{2ns});
    b.set(Time{3ns});
    queue.run_due(Time{10ns});
    EXPECT_THAT(happened, ElementsAre("b"));
}

TEST_F(TimerQueueTest, never_reaches_a_time_behind_the_end_of_time) {
    a.set(Time::max());
    EXPECT_FALSE(a.is_set());
    EXPECT_EQ(queue.next(), never);
}

}  // namespace
}  // namespace ring3
