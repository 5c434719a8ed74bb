// SPDX-License-Identifier: MIT
// The program as a user starts it: what it prints where, and its exit code.
#include <algorithm>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "build_info.hpp"
#include "tests/support/program.hpp"

namespace ring3 {
namespace {

using test::expect_failure;
using test::Outcome;
using test::run_ring3;
using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

TEST(Program, shows_every_verb_on_one_screen) {
    const Outcome help = run_ring3("--help");
    EXPECT_EQ(help.code, 0);
    EXPECT_THAT(help.shown, AllOf(HasSubstr("usage: ring3 VERB"), HasSubstr(" image")));
    EXPECT_LE(std::ranges::count(help.shown, '\n'), 24);
    EXPECT_EQ(run_ring3("help").shown, help.shown);
    EXPECT_EQ(run_ring3("-h").shown, help.shown);
    EXPECT_THAT(run_ring3("--help").said, IsEmpty());
}

TEST(Program, explains_each_verb) {
    const Outcome help = run_ring3("help image");
    EXPECT_EQ(help.code, 0);
    EXPECT_THAT(help.shown, StartsWith("usage: ring3 image"));
    EXPECT_EQ(run_ring3("image --help").shown, help.shown);
}

TEST(Program, takes_a_verb_by_what_only_it_begins_with) {
    EXPECT_EQ(run_ring3("help cr").shown, run_ring3("help create").shown);
    EXPECT_THAT(run_ring3("li --help").shown, StartsWith("usage: ring3 list"));
    // A whole name is never the beginning of another one.
    EXPECT_THAT(run_ring3("help up").shown, StartsWith("usage: ring3 up "));
    EXPECT_EQ(run_ring3("help u").code, 2);
}

TEST(Program, tells_its_version) {
    const Outcome version = run_ring3("--version");
    EXPECT_EQ(version.code, 0);
    EXPECT_EQ(version.shown, std::string{"ring3 "} + build_info::version + "\n");
}

TEST(Program, answers_a_wrong_command_line_with_one_message_and_code_2) {
    const std::pair<const char*, const char*> cases[] = {
        {"", "no verb given"},
        {"imgae list", "there is no verb \"imgae\" (did you mean \"image\"?)"},
        {"help imgae", "there is no verb \"imgae\" (did you mean \"image\"?)"},
        {"d", "\"d\" may be destroy, dmesg, domid, domname, down, dump-core; more"},
        {"vcpu-list --no-such", "ring3 vcpu-list: unrecognised option"},
        {"--hlep", "there is no verb \"--hlep\""},
        {"image", "what to do?"},
        {"image biuld x", "ring3 image cannot \"biuld\" (did you mean \"build\"?)"},
        {"image list x", "ring3 image list takes no names"},
        {"image path", "ring3 image path takes at least one name"},
        {"image build --force x", "unrecognised option '--force'"},
        {"image path image:helo/initrd", "(did you mean \"hello\"?)"},
        {"image rm helo", "there is no image \"helo\" (did you mean \"hello\"?)"},
    };
    for (const auto& [arguments, message] : cases) expect_failure(arguments, 2, message);
}

TEST(Program, reports_a_result_that_reached_nobody) {
    const Outcome outcome = run_ring3("--version >/dev/full");
    EXPECT_EQ(outcome.code, 4);
    EXPECT_THAT(outcome.said, HasSubstr("cannot write the result"));
}

}  // namespace
}  // namespace ring3
