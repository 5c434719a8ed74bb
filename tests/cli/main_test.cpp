// SPDX-License-Identifier: MIT
// The program as a user starts it: what it prints where, and its exit code.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <string>

#include <sys/wait.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "build_info.hpp"

namespace ring3 {
namespace {

using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

struct Outcome {
    int code = 0;
    std::string text;
};

/// Runs `ring3 ARGUMENTS`; `redirections` say which of its outputs is wanted.
Outcome ring3(const std::string& arguments, const std::string& redirections) {
    const std::string command =
        std::string{"'"} + build_info::binary_dir + "/ring3' " + arguments + " " + redirections;
    std::FILE* const pipe = ::popen(command.c_str(), "r");
    Outcome outcome;
    char buffer[4096];
    while (const std::size_t size = std::fread(buffer, 1, sizeof buffer, pipe))
        outcome.text.append(buffer, size);
    outcome.code = WEXITSTATUS(::pclose(pipe));
    return outcome;
}

constexpr const char* only_result = "2>/dev/null";
constexpr const char* only_errors = "2>&1 >/dev/null";

TEST(Program, shows_every_verb_on_one_screen) {
    const Outcome help = ring3("--help", only_result);
    EXPECT_EQ(help.code, 0);
    EXPECT_THAT(help.text, AllOf(HasSubstr("usage: ring3 VERB"), HasSubstr("  image ")));
    EXPECT_LE(std::ranges::count(help.text, '\n'), 24);
    EXPECT_EQ(ring3("help", only_result).text, help.text);
    EXPECT_EQ(ring3("-h", only_result).text, help.text);
    EXPECT_THAT(ring3("--help", only_errors).text, IsEmpty());
}

TEST(Program, shows_its_help_in_50_ms) {
    if (!build_info::is_fortified) GTEST_SKIP() << "a promise of the release build";
    auto best = std::chrono::steady_clock::duration::max();
    for (int i = 0; i < 5; ++i) {
        const auto start = std::chrono::steady_clock::now();
        ring3("--help", only_result);
        best = std::min(best, std::chrono::steady_clock::now() - start);
    }
    EXPECT_LT(best, std::chrono::milliseconds{50});
}

TEST(Program, explains_each_verb) {
    const Outcome help = ring3("help image", only_result);
    EXPECT_EQ(help.code, 0);
    EXPECT_THAT(help.text, StartsWith("usage: ring3 image"));
    EXPECT_EQ(ring3("image --help", only_result).text, help.text);
}

TEST(Program, tells_its_version) {
    const Outcome version = ring3("--version", only_result);
    EXPECT_EQ(version.code, 0);
    EXPECT_EQ(version.text, std::string{"ring3 "} + build_info::version + "\n");
}

TEST(Program, answers_a_wrong_command_line_with_one_message_and_code_2) {
    const std::pair<const char*, const char*> cases[] = {
        {"", "no verb given"},
        {"imag list", "there is no verb \"imag\" (did you mean \"image\"?)"},
        {"help imag", "there is no verb \"imag\" (did you mean \"image\"?)"},
        {"--hlep", "there is no verb \"--hlep\""},
        {"image", "what to do?"},
        {"image biuld x", "ring3 image cannot \"biuld\" (did you mean \"build\"?)"},
        {"image list x", "ring3 image list takes no names"},
        {"image path", "ring3 image path takes at least one name"},
        {"image build --force x", "unrecognised option '--force'"},
        {"image path image:helo/initrd", "(did you mean \"hello\"?)"},
        {"image rm helo", "there is no image \"helo\" (did you mean \"hello\"?)"},
    };
    for (const auto& [arguments, message] : cases) {
        SCOPED_TRACE(arguments);
        const Outcome outcome = ring3(arguments, only_errors);
        EXPECT_EQ(outcome.code, 2);
        EXPECT_THAT(outcome.text,
                    AllOf(StartsWith("ring3: error: "), HasSubstr(message), EndsWith("\n")));
        EXPECT_EQ(std::ranges::count(outcome.text, '\n'), 1);
        EXPECT_THAT(ring3(arguments, only_result).text, IsEmpty());
    }
}

TEST(Program, reports_a_result_that_reached_nobody) {
    const Outcome outcome = ring3("--version", "2>&1 >/dev/full");
    EXPECT_EQ(outcome.code, 4);
    EXPECT_THAT(outcome.text, HasSubstr("cannot write the result"));
}

}  // namespace
}  // namespace ring3
