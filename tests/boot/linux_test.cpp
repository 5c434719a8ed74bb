// SPDX-License-Identifier: MIT
// Debian's own kernel, from the first instruction to power-off.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "build_info.hpp"
#include "tests/support/program.hpp"

namespace ring3::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

std::string example(const std::string& name) {
    return std::string{build_info::source_root} + "/examples/" + name;
}

TEST(DebianKernel, boots_to_a_shell_that_answers_and_powers_off) {
    const Outcome outcome =
        run_ring3("create -c " + example("hello.cfg") + " --clock virtual",
                  "echo the answer is $((6 * 7))\ncat /sys/hypervisor/type\npoweroff\n");
    EXPECT_EQ(outcome.code, 0);
    EXPECT_THAT(outcome.text, AllOf(HasSubstr("Booting kernel on Xen"), HasSubstr("hello:/# "),
                                    HasSubstr("the answer is 42"), HasSubstr("xen"),
                                    HasSubstr("reboot: System halted"), Not(HasSubstr("BUG"))));
}

TEST(DebianKernel, boots_under_the_wall_clock_with_input_from_a_file) {
    const Outcome outcome =
        run_ring3("create -c " + example("hello.cfg"), "echo the answer is $((6 * 7))\npoweroff\n");
    EXPECT_EQ(outcome.code, 0);
    EXPECT_THAT(outcome.text, AllOf(HasSubstr("the answer is 42"), HasSubstr("System halted")));
}

TEST(DebianKernel, gives_the_same_digest_twice) {
    const std::string arguments = "create -c " + example("hello.cfg") + " --clock virtual --digest";
    const std::string input = "ls -l /\ndmesg | tail -3\nfree\npoweroff\n";
    const Outcome first = run_ring3(arguments, input);
    ASSERT_THAT(digest_of(first), Not(IsEmpty())) << first.text;
    EXPECT_EQ(first.text, run_ring3(arguments, input).text);
    EXPECT_NE(digest_of(first), digest_of(run_ring3(arguments, "free\npoweroff\n")));
}

TEST(DebianKernel, gives_the_same_digest_whatever_the_engine_settings) {
    const std::string arguments = "create " + example("tiny.cfg") + " --clock virtual --digest ";
    const std::string reference = digest_of(run_ring3(arguments));
    ASSERT_THAT(reference, Not(IsEmpty()));
    const std::string all_off =
        "engine.merge_operands=false --set engine.keep_lookups=false --set engine.stack_page=false "
        "--set engine.kept_spaces=1 "
        "--set engine.superblocks=false --set engine.link_blocks=false "
        "--set engine.inline_strings=false --set engine.two_levels=false "
        "--set engine.move_blocks=false --set engine.share_code=false "
        "--set engine.take_exits=false --set engine.host=baseline";
    for (const std::string& setting :
         {std::string("engine.block_limit=1"), std::string("engine.block_limit=8"),
          std::string("engine.block_limit=0"), std::string("engine.code_cache_mib=4"),
          std::string("engine.keep_lookups=false"), std::string("engine.stack_page=false"),
          std::string("engine.kept_spaces=1"), std::string("engine.kept_spaces=16"),
          std::string("engine.windows_after=0"), std::string("engine.windows_after=1"),
          std::string("engine.take_exits=false"), std::string("engine.move_blocks=false"),
          std::string("engine.share_code=false"), std::string("engine.count_blocks=true"),
          all_off}) {
        EXPECT_EQ(digest_of(run_ring3(arguments + "--set " + setting)), reference) << setting;
    }
}

TEST(DebianKernel, tells_a_panic_by_its_exit_code) {
    const Outcome outcome =
        run_ring3("create -c " + example("tiny.cfg") +
                  " --clock virtual extra='console=hvc0 rdinit=/missing panic=-1'");
    EXPECT_EQ(outcome.code, 6);
    EXPECT_THAT(outcome.text, HasSubstr("Kernel panic"));
}

TEST(DebianKernel, is_started_again_when_it_reboots) {
    const Outcome outcome =
        run_ring3("create -c " + example("hello.cfg") + " --clock virtual", "reboot\npoweroff\n");
    EXPECT_EQ(outcome.code, 0);
    const auto first = outcome.text.find("Hello from Linux");
    ASSERT_NE(first, std::string::npos);
    EXPECT_NE(outcome.text.find("Hello from Linux", first + 1), std::string::npos);
}

}  // namespace
}  // namespace ring3::test
