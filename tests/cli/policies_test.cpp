// SPDX-License-Identifier: MIT
// Schedulers from outside, as a user meets them.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "build_info.hpp"
#include "tests/support/program.hpp"

namespace ring3::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

std::string plug_in(const std::string& name) {
    return fmt::format("{}/tests/plug_ins/{}.so", build_info::binary_dir, name);
}

TEST(PoliciesCheck, passes_a_scheduler_that_does_what_every_one_owes) {
    for (const std::string& name : {plug_in("least_run"), std::string("credit2")}) {
        const Outcome outcome = run_ring3("policies check " + name);
        EXPECT_EQ(outcome.code, 0) << outcome.text;
        EXPECT_THAT(outcome.shown,
                    AllOf(HasSubstr("ok       survives_random_calls"), Not(HasSubstr("FAILED"))));
    }
    EXPECT_THAT(run_ring3("policies check fifo").shown,
                HasSubstr("skipped  gives_equal_time_to_equals       it does not promise that"));
}

TEST(PoliciesCheck, says_what_a_scheduler_does_wrong) {
    const Outcome outcome =
        run_ring3("policies check " + plug_in("misbehaves") + " --set how=picks_blocked");
    EXPECT_EQ(outcome.code, 1);
    EXPECT_THAT(outcome.shown,
                AllOf(HasSubstr("FAILED   survives_random_calls"), HasSubstr("which cannot run")));
}

TEST(PoliciesCheck, refuses_what_is_no_scheduler) {
    EXPECT_EQ(run_ring3("policies check fifoo").code, 2);
    EXPECT_EQ(run_ring3("policies check fifo --set slice_us=3").code, 2);
    const Outcome outcome = run_ring3("policies check " + plug_in("other_version"));
    EXPECT_EQ(outcome.code, 2);
    EXPECT_THAT(outcome.said, HasSubstr("is built for version 2 of the interface"));
}

TEST(Policies, show_the_parameters_of_a_scheduler_from_outside) {
    EXPECT_THAT(run_ring3("policies scheduler " + plug_in("least_run")).shown,
                AllOf(HasSubstr("slice_us"), HasSubstr("sha256")));
}

}  // namespace
}  // namespace ring3::test
