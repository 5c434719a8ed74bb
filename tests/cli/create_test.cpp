// SPDX-License-Identifier: MIT
// ring3 create as a user starts it, with kernels of a few instructions.
#include <filesystem>
#include <fstream>
#include <string>

#include <pty.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "build_info.hpp"
#include "hv/abi/sched.hpp"
#include "tests/support/program.hpp"
#include "tests/support/small_guest.hpp"

namespace ring3 {
namespace {

using namespace test;
using testing::AllOf;
using testing::ContainsRegex;
using testing::HasSubstr;
using testing::StartsWith;

class Create : public ::testing::Test {
protected:
    Create() {
        std::string name = "/tmp/ring3-create-test-XXXXXX";
        folder = mkdtemp(name.data());
    }
    ~Create() override { std::filesystem::remove_all(folder); }

    std::string file(const std::string& name, const std::string& content) {
        std::ofstream(folder / name, std::ios::binary) << content;
        return (folder / name).string();
    }
    std::string config(const Code& code, const std::string& more = "") {
        return file("small.cfg", fmt::format("name = \"small\"\nkernel = \"{}\"\nmemory = 8\n{}",
                                             small_kernel(code), more));
    }
    Outcome create(const std::string& arguments, const std::string& input = "") {
        return run_ring3("create " + arguments, input, launcher);
    }

    std::filesystem::path folder;
    /// What starts the program.
    std::string launcher;
};

TEST_F(Create, answers_zero_when_the_guest_powers_off) {
    const Outcome outcome = create("-c " + config(prints('A')));
    EXPECT_EQ(outcome.code, 0);
    EXPECT_EQ(outcome.shown, "A");
    EXPECT_EQ(outcome.said, "");
}

TEST_F(Create, answers_six_when_the_guest_crashes_and_tells_why) {
    for (const char* where : {"--private ", "-c "}) {
        const Outcome outcome = create(where + config(crashes()));
        EXPECT_EQ(outcome.code, 6) << where;
        EXPECT_THAT(outcome.said, HasSubstr("ring3: error: ")) << where;
    }
}

TEST_F(Create, types_what_stands_on_standard_input) {
    for (const char* clock : {"wall", "virtual"}) {
        const Outcome outcome =
            create(fmt::format("-c {} --clock {}", config(echoes()), clock), "hello\nq\n");
        EXPECT_EQ(outcome.code, 0) << clock;
        EXPECT_THAT(outcome.shown, StartsWith(">hello\nq")) << clock;
    }
}

TEST_F(Create, ends_with_a_digest_that_repeats) {
    const std::string arguments = "-c --digest --clock virtual " + config(echoes());
    const Outcome outcome = create(arguments, "q\n");
    EXPECT_THAT(outcome.said, ContainsRegex("^digest sha256=[0-9a-f]+ instructions=[0-9]+ "
                                            "virtual_ns=[0-9]+\n$"));
    EXPECT_EQ(create(arguments, "q\n").said, outcome.said);
    EXPECT_EQ(create(arguments + " --set engine.block_limit=1", "q\n").said, outcome.said);
    EXPECT_NE(create(arguments, "xq\n").said, outcome.said);
}

TEST_F(Create, shows_what_the_engine_did) {
    const Outcome outcome = create(
        "--profile --clock virtual --set engine.keep_translations=false " + config(prints('A')));
    EXPECT_EQ(outcome.code, 0);
    EXPECT_THAT(outcome.said,
                AllOf(ContainsRegex("[1-9][0-9]*  instructions retired\n"),
                      ContainsRegex("[1-9][0-9]*  blocks translated\n"),
                      ContainsRegex("entered +insns +at most +mode +rip\n"),
                      ContainsRegex("\n +[1-9][0-9]* +[1-9][0-9]* +[0-9.]+%  kernel +[0-9a-f]+")));
}

TEST_F(Create, replays_what_it_recorded) {
    const std::string record = (folder / "record").string();
    const std::string arguments = "-c --digest --clock virtual " + config(echoes());
    const Outcome recorded = create("--record " + record + " " + arguments, "hello\nq\n");
    EXPECT_EQ(recorded.code, 0) << recorded.said;
    const Outcome replayed = create("--replay " + record + " " + arguments);
    EXPECT_EQ(replayed.code, 0) << replayed.said;
    EXPECT_EQ(replayed.shown, recorded.shown);
    EXPECT_EQ(replayed.said, recorded.said);
}

TEST_F(Create, leaves_a_guest_paused_when_told_so) {
    const Outcome outcome = create("-p --digest --clock virtual " + config(crashes()));
    EXPECT_EQ(outcome.code, 0);
    EXPECT_THAT(outcome.said, HasSubstr("instructions=0 virtual_ns=0"));
}

TEST_F(Create, prints_what_it_would_build_and_builds_nothing) {
    const Outcome outcome = create("--dry-run " + config(crashes()));
    EXPECT_EQ(outcome.code, 0);
    EXPECT_THAT(outcome.shown, AllOf(HasSubstr("domain \"small\""), HasSubstr("console ring"),
                                     HasSubstr("[scheduler]\nname = \"round_robin\"")));
}

TEST_F(Create, names_in_a_dry_run_the_images_it_would_build_and_builds_none) {
    launcher = fmt::format("env XDG_CACHE_HOME={}/cache", folder.string());
    const std::string images = file("images.cfg",
                                    "name = \"images\"\nkernel = \"image:debian-cloud/vmlinuz\"\n"
                                    "ramdisk = \"image:hello/initrd\"\nmemory = 64\n");
    const Outcome outcome = create("--dry-run " + images);
    EXPECT_EQ(outcome.code, 0);
    EXPECT_THAT(outcome.shown, AllOf(ContainsRegex("first: .*debian-cloud"),
                                     ContainsRegex("first: .*hello"), HasSubstr("[scheduler]")));
    EXPECT_FALSE(std::filesystem::exists(folder / "cache/ring3/images/objects"));
    EXPECT_EQ(create("--dry-run " + images + " ramdisk=image:helo/initrd").code, 2);
}

TEST_F(Create, says_so_when_a_guest_waits_for_what_cannot_come) {
    const Outcome outcome = create("--clock virtual " + config(sleeps()));
    EXPECT_EQ(outcome.code, 6);
    EXPECT_THAT(outcome.said, HasSubstr("can never come"));
}

TEST_F(Create, reads_a_machine_file_and_lets_settings_win) {
    const std::string machine =
        file("lab.toml", "[clock]\nname = \"virtual\"\ninstruction_ps = 2000\n");
    const std::string arguments =
        "--digest --machine " + machine + " " + config(shuts_down(SHUTDOWN_poweroff));
    EXPECT_THAT(create(arguments).said, HasSubstr("instructions=5 virtual_ns=10"));
    EXPECT_THAT(create(arguments + " --set clock.instruction_ps=4000").said,
                HasSubstr("instructions=5 virtual_ns=20"));
}

TEST_F(Create, refuses_what_it_does_not_know_with_two_and_one_message) {
    const std::string good = config(shuts_down(0));
    const std::string bad_machine = file("bad.toml", "[clock]\n\nnam = \"wall\"\n");
    const struct {
        std::string arguments, message;
    } cases[] = {
        {"", "no config given"},
        {"--clok wall " + good, "clok"},
        {"--clock wal " + good, "--clock: there is no clock \"wal\" (did you mean \"wall\"?)"},
        {"--set scheduler.nam=x " + good, "did you mean \"name\"?"},
        {"--set shed.x=1 " + good, "there is no table [shed]"},
        {"--machine " + bad_machine + " " + good, "bad.toml:3: [clock] has no parameter \"nam\""},
        {"--record file " + good, "--clock virtual"},
        {"--replay file " + good, "--clock virtual"},
        {good + " memmory=9", "memmory"},
        {good + " memory=100000", "memory"},
        {good + " vcpus=33", "vcpus"},
        {good + " memory=1", "memory"},
        {good + " kernel=/bin/true", "/bin/true"},
    };
    for (const auto& each : cases) {
        const Outcome outcome = create(each.arguments);
        EXPECT_EQ(outcome.code, 2) << each.arguments;
        EXPECT_THAT(outcome.said, AllOf(StartsWith("ring3: error: "), HasSubstr(each.message)));
    }
}

TEST_F(Create, answers_four_when_the_host_lacks_a_file) {
    const std::string good = config(shuts_down(0));
    for (const std::string& arguments :
         {good + " kernel=/nonexistent/vmlinuz", good + " ramdisk=/nonexistent/initrd",
          "--machine /nonexistent/lab.toml " + good}) {
        const Outcome outcome = create(arguments);
        EXPECT_EQ(outcome.code, 4) << arguments;
        EXPECT_THAT(outcome.said, HasSubstr("/nonexistent/"));
    }
}

TEST_F(Create, refuses_a_terminal_under_the_virtual_clock_and_says_what_to_do) {
    const std::string path = config(shuts_down(0));
    int master = -1;
    const pid_t child = forkpty(&master, nullptr, nullptr, nullptr);
    if (child == 0) {
        const std::string program = fmt::format("{}/ring3", build_info::binary_dir);
        execl(program.c_str(), "ring3", "create", "-c", "--clock", "virtual", path.c_str(),
              nullptr);
        _exit(127);
    }
    std::string said(4096, '\0');
    const ssize_t count = read(master, said.data(), said.size());
    int status = 0;
    waitpid(child, &status, 0);
    close(master);
    EXPECT_EQ(WEXITSTATUS(status), 2);
    EXPECT_THAT(said.substr(0, static_cast<std::size_t>(std::max<ssize_t>(count, 0))),
                HasSubstr("< /dev/null"));
}

TEST_F(Create, ends_in_order_when_it_is_interrupted) {
    launcher = "timeout --foreground --preserve-status --signal INT 0.5";
    const Outcome outcome = create("--digest " + config(spins()));
    EXPECT_EQ(outcome.code, 130);
    EXPECT_THAT(outcome.said, StartsWith("digest sha256="));
}

TEST_F(Create, writes_a_trace_that_the_verb_of_this_name_shows) {
    const std::string path = (folder / "run.trace").string();
    const std::string options = "--clock virtual --digest " + config(prints('A')) + " ";
    const Outcome plain = create(options), traced = create(options + "--trace " + path);
    EXPECT_EQ(traced.code, 0);
    EXPECT_EQ(plain.said, traced.said) << "nothing of the run changes";
    const Outcome shown = run_ring3("trace " + path);
    EXPECT_EQ(shown.code, 0);
    EXPECT_EQ(shown.said, "");
    EXPECT_THAT(shown.shown, HasSubstr("d1v0"));
    EXPECT_THAT(run_ring3("trace --csv " + path).shown, HasSubstr("domain_end"));

    EXPECT_EQ(create(options + "--trace " + path + ",classes=ring,sched").code, 0);
    EXPECT_THAT(run_ring3("trace " + path).shown, HasSubstr("of sched,ring in"));
}

TEST_F(Create, refuses_traces_that_it_cannot_write_or_read) {
    const std::string options = "--clock virtual " + config(prints('A')) + " --trace ";
    EXPECT_EQ(create(options + "x,classes=shed").code, 2);
    EXPECT_THAT(create(options + "x,classes=shed").said, HasSubstr("did you mean \"sched\""));
    EXPECT_EQ(create(options + "/no/such/folder/x").code, 4);
    EXPECT_EQ(run_ring3("trace " + file("x", "no trace")).code, 2);
    EXPECT_EQ(run_ring3("trace").code, 2);
    EXPECT_THAT(run_ring3("trace --schema").shown, HasSubstr("slice_ns"));
}

}  // namespace
}  // namespace ring3
