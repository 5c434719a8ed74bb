// SPDX-License-Identifier: MIT
#include "hv/base/params.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "hv/base/errors.hpp"

namespace ring3 {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

template <class Action>
std::string message_of(Action action) {
    try {
        action();
    } catch (const ConfigError& error) {
        return error.what();
    }
    return "no ConfigError";
}

TEST(Params, gives_the_default_when_the_user_said_nothing) {
    Params params("scheduler");
    EXPECT_EQ(params.duration("slice_us", 10ms, "longest turn"), 10ms);
    EXPECT_EQ(params.integer("weight", 256, {1, 65535}, "share"), 256);
    EXPECT_TRUE(params.boolean("boost", true, "wake first"));
    EXPECT_EQ(params.text("path", "none", "where"), "none");
    EXPECT_EQ(params.choice("order", "fifo", {"fifo", "lifo"}, "of the queue"), "fifo");
    EXPECT_NO_THROW(params.reject_unknown());
}

TEST(Params, reads_a_duration_in_the_unit_that_its_name_ends_in) {
    Params params("scheduler");
    params.set("slice_us", {std::int64_t{250}, "lab.toml:3"});
    params.set("period_s", {std::int64_t{2}, "lab.toml:4"});
    EXPECT_EQ(params.duration("slice_us", 10ms, ""), 250us);
    EXPECT_EQ(params.duration("period_s", 1s, ""), 2s);
}

TEST(Params, refuses_a_value_out_of_range_with_place_and_range) {
    Params params("scheduler");
    params.set("weight", {std::int64_t{0}, "lab.toml:3"});
    const std::string message = message_of([&] {
        params.integer("weight", 256, {1, 65535}, "share");
    });
    EXPECT_EQ(message,
              "lab.toml:3: [scheduler] weight = 0: must be a whole number from 1 to 65535");
}

TEST(Params, refuses_a_value_of_the_wrong_type) {
    Params params("scheduler");
    params.set("slice_us", {std::string("10ms"), "--set scheduler.slice_us"});
    params.set("boost", {std::int64_t{1}, "lab.toml:4"});
    params.set("order", {std::string("random"), "lab.toml:5"});
    EXPECT_THAT(message_of([&] { params.duration("slice_us", 1ms, ""); }),
                HasSubstr("--set scheduler.slice_us: [scheduler] slice_us = 10ms"));
    EXPECT_THAT(message_of([&] { params.boolean("boost", false, ""); }),
                HasSubstr("true or false"));
    EXPECT_THAT(message_of([&] {
                    params.choice("order", "fifo", {"fifo", "lifo"}, "");
                }),
                HasSubstr("one of: fifo, lifo"));
}

TEST(Params, refuses_a_duration_that_does_not_fit) {
    Params params("scheduler");
    params.set("slice_s", {std::numeric_limits<std::int64_t>::max(), "lab.toml:3"});
    EXPECT_THROW(params.duration("slice_s", 1s, ""), ConfigError);
    params.set("slice_s", {std::int64_t{-1}, "lab.toml:3"});
    EXPECT_THROW(params.duration("slice_s", 1s, ""), ConfigError);
}

TEST(Params, names_the_nearest_parameter_when_nobody_asked_for_one) {
    Params params("scheduler");
    params.set("slise_us", {std::int64_t{1}, "lab.toml:9"});
    params.duration("slice_us", 10ms, "");
    EXPECT_EQ(message_of([&] { params.reject_unknown(); }),
              "lab.toml:9: [scheduler] has no parameter \"slise_us\" (did you mean \"slice_us\"?);"
              " it has: slice_us");
}

TEST(Params, records_the_effective_values) {
    Params params("scheduler");
    params.set("weight", {std::int64_t{512}, "lab.toml:3"});
    params.integer("weight", 256, {1, 65535}, "share of the CPU");
    params.duration("slice_us", 10ms, "longest turn");
    ASSERT_EQ(params.declared().size(), 2u);
    EXPECT_EQ(params.declared()[0].value, "512");
    EXPECT_EQ(params.declared()[0].default_value, "256");
    EXPECT_EQ(params.declared()[1].value, "10000");
    EXPECT_EQ(params.declared()[1].meaning, "longest turn");
}

}  // namespace
}  // namespace ring3
