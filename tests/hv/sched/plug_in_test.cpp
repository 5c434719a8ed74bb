// SPDX-License-Identifier: MIT
// Schedulers in shared objects: what is refused, what ends a run, and how.
#include "hv/sched/plug_in.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "build_info.hpp"
#include "hv/base/errors.hpp"
#include "hv/base/registry.hpp"
#include "hv/machine/machine.hpp"
#include "hv/machine/policies.hpp"
#include "hv/sched/check/checks.hpp"
#include "hv/sched/check/simulation.hpp"
#include "hv/sched/scheduler_error.hpp"
#include "tests/support/small_guest.hpp"

namespace ring3 {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;

std::string plug_in(const std::string& name) {
    return std::string(build_info::binary_dir) + "/tests/plug_ins/" + name + ".so";
}

/// What loading it says.
template <class Error>
std::string refusal(const std::string& path, Params params = Params("scheduler")) {
    try {
        Registry<Scheduler>::create(path, params);
    } catch (const Error& error) {
        return error.what();
    }
    return "was accepted";
}

TEST(PlugIn, is_chosen_by_its_path_and_has_parameters_like_any_other) {
    Params params("scheduler");
    params.set("slice_us", {std::int64_t{2000}, "a test"});
    const auto scheduler = Registry<Scheduler>::create(plug_in("least_run"), params);
    EXPECT_EQ(scheduler->promises().wait_per_other, Time{4ms});
    params.set("slize_us", {std::int64_t{2000}, "lab.toml:3"});
    EXPECT_THAT(refusal<ConfigError>(plug_in("least_run"), params),
                HasSubstr("lab.toml:3: [scheduler] has no parameter \"slize_us\" (did you mean "
                          "\"slice_us\"?)"));
}

TEST(PlugIn, that_is_the_example_does_what_every_scheduler_owes) {
    for (const sched::SchedulerCheck& check : sched::scheduler_checks()) {
        const sched::CheckResult result = check.run({plug_in("least_run")});
        for (const std::string& fault : result.faults) ADD_FAILURE() << check.name << ": " << fault;
    }
}

TEST(PlugIn, gives_turns_by_who_ran_least) {
    sched::Simulation all(plug_in("least_run"), 1);
    all.add(1, {}, {[] { return 2ms; }, [] { return 1ms; }});
    all.add(2);
    all.run_until(21ms);
    // 2 of d1; then d2, which had none, for 5; d1 is at 2 and goes first again each time it wakes,
    // until it has caught up.
    std::string order;
    for (const sched::Turn& turn : all.turns) order += static_cast<char>('0' + turn.domain);
    EXPECT_EQ(order, "121212");
}

TEST(PlugIn, is_part_of_what_a_result_depends_on_by_its_content) {
    MachineConfig config;
    config.set("scheduler.name=" + plug_in("least_run"));
    const std::string described = checked(config).describe();
    EXPECT_THAT(described, HasSubstr("sha256 = \""));
    config.set("scheduler.sha256=0000");
    try {
        checked(config);
        FAIL();
    } catch (const ConfigError& error) {
        EXPECT_THAT(error.what(), MatchesRegex("--set scheduler.sha256: .* is another file: its "
                                               "SHA-256 is [0-9a-f]{64}"));
    }
}

TEST(PlugIn, that_cannot_be_one_is_refused_when_it_is_loaded) {
    EXPECT_THAT(refusal<EnvironmentError>("./nowhere.so"), HasSubstr("cannot read ./nowhere.so"));
    EXPECT_THAT(refusal<ConfigError>(std::string(build_info::source_root) + "/README.md"),
                HasSubstr("cannot load the scheduler"));
    EXPECT_THAT(refusal<ConfigError>("/dev/zero"), HasSubstr("/dev/zero: is no file"));
    EXPECT_THAT(refusal<ConfigError>(plug_in("no_symbol")),
                HasSubstr("is no scheduler for ring3: it has no symbol ring3_scheduler"));
    EXPECT_THAT(refusal<ConfigError>(plug_in("other_version")),
                HasSubstr("is built for version 2 of the interface, and this is version 1"));
    EXPECT_THAT(refusal<ConfigError>(plug_in("other_layout")),
                HasSubstr("another compiler or other headers"));
    EXPECT_THAT(refusal<SchedulerError>(plug_in("makes_nothing")), HasSubstr("made nothing"));
    EXPECT_THAT(refusal<ConfigError>(plug_in("no_factory")), HasSubstr("no function"));
    Params params("scheduler");
    params.set("how", {std::string("throws_when_made"), "a test"});
    EXPECT_THAT(refusal<SchedulerError>(plug_in("misbehaves"), params),
                HasSubstr("threw when it was made: no wish to live"));
}

struct Fault {
    const char* how;
    const char* told;
};

/// Two guests that spin, one that sleeps; a machine of its own each time.
std::string end_of_run(const std::string& how, int pcpus) {
    MachineConfig config = test::small_machine();
    config.set("scheduler.name=" + plug_in("misbehaves"));
    config.set("scheduler.how=" + how);
    config.set("machine.stop_after_instructions=100000000");
    config.set("machine.memory_mib=256");
    config.set(fmt::format("machine.pcpus={}", pcpus));
    test::Patient outside;
    Machine machine(std::move(config), outside, {});
    for (const char* name : {"one", "two"})
        machine.add_guest(test::small_guest(test::spins(), name));
    machine.add_guest(test::small_guest(test::sleeps(), "three"));
    for (int i = 0; i < 12; ++i) machine.add_guest(test::small_guest(test::prints('x'), "x"));
    try {
        return machine.run() == Machine::End::stopped ? "stopped" : "ended otherwise";
    } catch (const SchedulerError& error) {
        return error.what();
    }
}

class Misbehaving : public ::testing::TestWithParam<Fault> {};

TEST_P(Misbehaving, ends_the_run_with_its_name_and_what_it_did) {
    for (const int pcpus : {1, 2}) {
        const std::string end = end_of_run(GetParam().how, pcpus);
        EXPECT_THAT(end, HasSubstr("misbehaves.so " + std::string(GetParam().told))) << pcpus;
    }
}

INSTANTIATE_TEST_SUITE_P(
    PlugIn, Misbehaving,
    ::testing::Values(Fault{"throws_in_wake", "threw in wake(): woken too often"},
                      Fault{"throws_in_stopped", "threw in stopped(): stopped too often"},
                      Fault{"throws_in_pick", "threw in pick(): picked too often"},
                      Fault{"throws_a_number", "threw in pick()"},
                      Fault{"picks_blocked", "picked d"},
                      Fault{"picks_stranger", "picked a vCPU that does not exist"},
                      Fault{"gives_no_time", "picked d"},
                      Fault{"stops_time", "has its next event of pCPU"}),
    [](const auto& one) { return one.param.how; });

TEST(PlugIn, that_behaves_ends_nothing) { EXPECT_EQ(end_of_run("well", 1), "stopped"); }

TEST(PlugIn, that_runs_a_vcpu_twice_is_caught) {
    EXPECT_THAT(end_of_run("picks_running", 2), HasSubstr("which runs elsewhere"));
}

/// The checks must be able to fail.
TEST(PlugIn, that_misbehaves_fails_the_checks) {
    for (const char* how : {"picks_blocked", "picks_stranger", "gives_no_time", "throws_in_pick"}) {
        sched::Subject subject{plug_in("misbehaves")};
        subject.params.set("how", {std::string(how), "a test"});
        std::size_t failed = 0;
        for (const sched::SchedulerCheck& check : sched::scheduler_checks())
            failed += !check.run(subject).faults.empty();
        EXPECT_GE(failed, 3u) << how;
    }
}

}  // namespace
}  // namespace ring3
