// SPDX-License-Identifier: MIT
#include "hv/io/ring_driver.hpp"

#include <gtest/gtest.h>

#include "hv/base/registry.hpp"
#include "tests/hv/io/fake_driver_domain.hpp"

namespace ring3 {
namespace {

using namespace std::chrono_literals;

/// A ring of which only counts exist.
class RingDriverTest : public ::testing::Test {
protected:
    RingDriver make(const std::string& path, std::int64_t batch = 0) {
        Params params("io");
        if (batch != 0) params.set("batch", {batch, "test"});
        return {domain,
                Registry<IoPath>::create(path, params),
                "test ring",
                {.waiting = [this] { return waiting; },
                 .serve =
                     [this] {
                         ++looks;
                         return std::exchange(waiting, 0);
                     },
                 .ask_for_kick = [this] { return std::exchange(comes_late, 0) != 0; },
                 .notify = [this] { ++notifications; }}};
    }
    void pass(Duration time) { domain.pass(time); }

    FakeDriverDomain domain;
    std::size_t waiting = 0;
    int comes_late = 0, looks = 0, notifications = 0;
};

TEST_F(RingDriverTest, looks_when_domain0_has_the_cpu_once_for_several_kicks) {
    RingDriver driver = make("event");
    driver.kicked();
    driver.kicked();
    EXPECT_EQ(looks, 0);
    pass(0ns);
    EXPECT_EQ(looks, 1);
}

TEST_F(RingDriverTest, looks_again_at_what_came_while_it_asked_for_a_kick) {
    RingDriver driver = make("event");
    comes_late = 1;
    driver.start();
    pass(0ns);
    EXPECT_EQ(looks, 2);
}

TEST_F(RingDriverTest, looks_at_a_batch_at_once_and_at_less_after_a_while) {
    RingDriver driver = make("coalesced", 4);
    waiting = 3;
    driver.kicked();
    pass(0ns);
    EXPECT_EQ(looks, 0);
    waiting = 4;
    driver.kicked();
    pass(0ns);
    EXPECT_EQ(looks, 1);
    waiting = 1;
    driver.kicked();
    pass(99us);
    EXPECT_EQ(looks, 1);
    pass(1us);
    EXPECT_EQ(looks, 2);
}

TEST_F(RingDriverTest, gathers_responses_as_its_path_says) {
    RingDriver driver = make("coalesced", 4);
    driver.responses_added(3);
    EXPECT_EQ(notifications, 0);
    driver.responses_added(1);
    EXPECT_EQ(notifications, 1);
    driver.responses_added(0);
    pass(1s);
    EXPECT_EQ(notifications, 1) << "nothing is left to tell of";
    driver.responses_added(1);
    pass(100us);
    EXPECT_EQ(notifications, 2);
}

TEST_F(RingDriverTest, looks_by_itself_when_polled) {
    RingDriver driver = make("polled");
    driver.start();
    for (int i = 0; i < 10; ++i) pass(50us);
    EXPECT_EQ(looks, 11) << "the first at once";
}

TEST_F(RingDriverTest, stops_with_its_life) {
    { make("polled").start(); }
    pass(1s);
    EXPECT_EQ(looks, 0);
}

}  // namespace
}  // namespace ring3
