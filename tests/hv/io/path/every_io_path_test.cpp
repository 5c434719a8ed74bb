// SPDX-License-Identifier: MIT
// What every I/O path promises, and what each of ours does.
#include "hv/io/path/io_path.hpp"

#include <gtest/gtest.h>

#include "hv/base/errors.hpp"
#include "hv/base/registry.hpp"

namespace ring3 {
namespace {

using namespace std::chrono_literals;

constexpr Time start{1s};

std::unique_ptr<IoPath> make(const std::string& name,
                             std::vector<std::pair<std::string, std::int64_t>> values = {}) {
    Params params("io");
    for (const auto& [key, value] : values) params.set(key, {value, "test"});
    return Registry<IoPath>::create(name, params);
}

class EveryIoPath : public ::testing::TestWithParam<std::string> {
protected:
    std::unique_ptr<IoPath> path = make(GetParam());
};

TEST_P(EveryIoPath, looks_and_notifies_no_earlier_than_now) {
    for (std::size_t waiting : {0u, 1u, 5u, 100u, 100'000u}) {
        for (const Duration age : {0ns, 10'000ns, 1'000'000'000ns}) {
            const Time now = start + age;
            EXPECT_GE(path->look_at(now, waiting, start), now);
            EXPECT_GE(path->notify_at(now, waiting, start), now);
        }
        EXPECT_GT(path->look_again(start, waiting), start);
    }
}

TEST_P(EveryIoPath, leaves_nothing_lying_for_ever) {
    EXPECT_LT(path->look_at(start, 1, start), never);
    EXPECT_LT(path->notify_at(start, 1, start), never);
    const bool is_told = path->wants_kicks();
    EXPECT_TRUE(is_told || path->look_again(start, 0) < never) << "nobody would look again";
}

TEST_P(EveryIoPath, moves_data_as_it_is_told) {
    EXPECT_EQ(path->transfer(), IoPath::Transfer::map);
    Params params("io");
    params.set("transfer", {std::string("copy"), "test"});
    EXPECT_EQ(Registry<IoPath>::create(GetParam(), params)->transfer(), IoPath::Transfer::copy);
}

std::vector<std::string> all_names() {
    std::vector<std::string> names;
    for (const PolicyName& policy : Registry<IoPath>::names()) names.push_back(policy.name);
    return names;
}

INSTANTIATE_TEST_SUITE_P(All, EveryIoPath, ::testing::ValuesIn(all_names()),
                         [](const auto& name) { return name.param; });

TEST(Event, does_everything_at_once) {
    const auto path = make("event");
    EXPECT_EQ(path->look_at(start, 1, start), start);
    EXPECT_EQ(path->notify_at(start, 1, start), start);
    EXPECT_EQ(path->look_again(start, 1), never);
}

TEST(Coalesced, waits_for_a_batch_or_for_its_timeout) {
    const auto path = make("coalesced", {{"batch", 4}, {"timeout_us", 50}});
    EXPECT_EQ(path->look_at(start, 1, start), start + 50us);
    EXPECT_EQ(path->look_at(start + 20us, 3, start), start + 50us)
        << "from the first, not the last";
    EXPECT_EQ(path->look_at(start + 20us, 4, start), start + 20us);
    EXPECT_EQ(path->notify_at(start + 60us, 1, start), start + 60us);
}

TEST(Polled, looks_by_itself_and_more_rarely_at_an_idle_ring) {
    const auto path = make("polled", {{"period_us", 10}, {"idle_period_us", 500}, {"patience", 3}});
    EXPECT_FALSE(path->wants_kicks());
    EXPECT_EQ(path->look_again(start, 0), start + 10us);
    EXPECT_EQ(path->look_again(start, 0), start + 10us);
    EXPECT_EQ(path->look_again(start, 0), start + 500us);
    EXPECT_EQ(path->look_again(start, 1), start + 10us) << "a request brings it back";
}

TEST(Polled, never_polls_an_idle_ring_more_often_than_a_busy_one) {
    const auto path = make("polled", {{"period_us", 900}, {"idle_period_us", 1}, {"patience", 1}});
    EXPECT_EQ(path->look_again(start, 0), start + 900us);
}

TEST(Polled, refuses_a_period_of_nothing) {
    EXPECT_THROW(make("polled", {{"period_us", 0}}), ConfigError);
}

}  // namespace
}  // namespace ring3
