// SPDX-License-Identifier: MIT
// A vCPU that starves is seen, and the run ends or goes on as the machine file says.
#include "hv/machine/watchdog.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "build_info.hpp"
#include "hv/abi/sched.hpp"
#include "hv/machine/machine.hpp"
#include "hv/sched/scheduler_error.hpp"
#include "tests/support/small_guest.hpp"

namespace ring3 {
namespace {

using namespace test;
using namespace std::chrono_literals;
using ::testing::HasSubstr;

class WatchdogTest : public ::testing::Test {
protected:
    static sched::Vcpu vcpu(std::uint16_t domain) {
        sched::Vcpu made;
        made.domain = DomainId{domain};
        return made;
    }
    void turn(std::uint16_t domain, Duration from, Duration to) {
        timers.run_due(Time{from});
        dog.runs(vcpu(domain), PcpuId{0}, Time{from});
        timers.run_due(Time{to});
        dog.stopped(vcpu(domain), PcpuId{0}, true, Time{to});
    }

    TimerQueue timers;
    std::vector<Watchdog::Bite> bites;
    Watchdog dog{timers, 100ms, [this](const Watchdog::Bite& bite) { bites.push_back(bite); }};
};

TEST_F(WatchdogTest, bites_when_one_has_waited_for_the_limit_and_names_who_ran) {
    dog.waits(vcpu(3), Time{20ms});
    turn(1, 20ms, 60ms);
    turn(2, 60ms, 70ms);
    turn(1, 70ms, 119ms);
    EXPECT_TRUE(bites.empty());
    timers.run_due(Time{120ms});
    ASSERT_EQ(bites.size(), 1u);
    EXPECT_EQ(bites[0].who, "d3v0");
    EXPECT_EQ(bites[0].at, Time{120ms});
    EXPECT_EQ(bites[0].dump,
              "d3v0 can run since 0.020000 s, and at 0.120000 s has not got a pCPU yet "
              "(machine.watchdog_ms = 100); pCPU 0 was held in the last 0.100000 s by d1v0 "
              "(0.089000 s in 2 turns), d2v0 (0.010000 s in 1 turns)");
}

TEST_F(WatchdogTest, names_who_ran_before_it_looked_the_last_time) {
    dog.waits(vcpu(1), Time{});
    dog.waits(vcpu(3), Time{20ms});
    turn(1, 20ms, 60ms);
    turn(2, 60ms, 110ms);
    turn(1, 110ms, 119ms);
    EXPECT_TRUE(bites.empty());
    timers.run_due(Time{120ms});
    ASSERT_EQ(bites.size(), 1u);
    EXPECT_THAT(bites[0].dump, HasSubstr("held in the last 0.100000 s by d2v0 (0.050000 s in 1 "
                                         "turns), d1v0 (0.049000 s in 2 turns)"));
}

TEST_F(WatchdogTest, tells_of_the_time_of_its_limit_and_no_more) {
    for (int i = 0; i < 100; ++i)
        turn(static_cast<std::uint16_t>(1 + i % 2), i * 10ms, (i + 1) * 10ms);
    dog.waits(vcpu(3), Time{1000ms});
    dog.runs(vcpu(4), PcpuId{0}, Time{1000ms});
    timers.run_due(Time{1100ms});
    ASSERT_EQ(bites.size(), 1u);
    EXPECT_THAT(bites[0].dump, HasSubstr("by d4v0 (0.100000 s in 1 turns)"));
    EXPECT_THAT(bites[0].dump, HasSubstr("held in the last 0.2"));
}

TEST_F(WatchdogTest, names_who_runs_at_that_moment) {
    dog.waits(vcpu(3), Time{});
    dog.runs(vcpu(1), PcpuId{0}, Time{});
    timers.run_due(Time{100ms});
    ASSERT_EQ(bites.size(), 1u);
    EXPECT_THAT(bites[0].dump, HasSubstr("by d1v0 (0.100000 s in 1 turns)"));
}

TEST_F(WatchdogTest, does_not_bite_while_everybody_has_turns) {
    dog.waits(vcpu(1), Time{});
    dog.waits(vcpu(2), Time{});
    for (int i = 0; i < 40; ++i)
        turn(static_cast<std::uint16_t>(1 + i % 2), i * 50ms, (i + 1) * 50ms);
    EXPECT_TRUE(bites.empty());
}

TEST_F(WatchdogTest, forgets_who_goes_away_or_blocks) {
    dog.waits(vcpu(1), Time{});
    dog.forget(DomainId{1});
    dog.waits(vcpu(2), Time{});
    dog.runs(vcpu(2), PcpuId{0}, Time{1ms});
    dog.stopped(vcpu(2), PcpuId{0}, false, Time{2ms});
    timers.run_due(Time{100ms});
    EXPECT_TRUE(bites.empty());
    EXPECT_EQ(timers.next(), never) << "nobody waits";
}

/// The scheduler gives the pCPU to the first one for ever. The second one prints and powers off.
class StarvingMachine : public ::testing::Test {
protected:
    std::unique_ptr<Machine> machine(const std::vector<std::string>& settings) {
        MachineConfig config = small_machine();
        config.set(
            fmt::format("scheduler.name={}/tests/plug_ins/misbehaves.so", build_info::binary_dir));
        config.set("scheduler.how=starves");
        config.set("machine.stop_after_instructions=100000000");
        for (const std::string& setting : settings) config.set(setting);
        auto made =
            std::make_unique<Machine>(std::move(config), outside, [this](const Log::Line& line) {
                if (line.level == LogLevel::warning) warnings.push_back(line.text);
            });
        made->add_guest(small_guest(spins(), "greedy"));
        hungry = &made->add_guest(small_guest(prints('x'), "hungry"));
        return made;
    }
    Patient outside;
    std::vector<std::string> warnings;
    Guest* hungry = nullptr;
};

TEST_F(StarvingMachine, goes_on_for_ever_when_nobody_watches) {
    const auto made = machine({});
    EXPECT_EQ(made->run(), Machine::End::stopped);
    EXPECT_TRUE(hungry->is_alive());
}

TEST_F(StarvingMachine, stops_and_says_who_held_the_pcpu) {
    const auto made = machine({"machine.watchdog_ms=20"});
    try {
        made->run();
        FAIL() << "it went on";
    } catch (const SchedulerError& error) {
        EXPECT_THAT(error.what(), HasSubstr("misbehaves.so starves a vCPU: d2v0 can run since"));
        EXPECT_THAT(error.what(), HasSubstr("was held in the last 0.020000 s by d1v0"));
    }
    EXPECT_EQ(made->time(), Time{20ms}) << "to the instruction";
}

TEST_F(StarvingMachine, goes_on_under_round_robin_with_a_mark) {
    for (const char* pcpus : {"machine.pcpus=1", "machine.pcpus=2"}) {
        const auto made =
            machine({"machine.watchdog_ms=20", "machine.watchdog_action=round_robin", pcpus});
        const bool is_single = made->pcpus_end() == PcpuId{1};
        // On two, the hungry one has the second pCPU until it ends; then the third one takes it.
        for (const char* name : {"third", "fourth"})
            if (!is_single) made->add_guest(small_guest(spins(), name));
        EXPECT_EQ(made->run(), Machine::End::stopped);
        EXPECT_FALSE(hungry->is_alive()) << "it has had its turn";
        ASSERT_TRUE(made->starved());
        EXPECT_EQ(made->starved()->who, is_single ? "d2v0" : "d4v0");
        ASSERT_FALSE(warnings.empty());
        EXPECT_THAT(warnings.back(), HasSubstr("goes on under round_robin: d"));
    }
}

TEST_F(StarvingMachine, that_starves_nobody_is_the_same_run_watched_or_not) {
    const auto digest = [&](const char* setting) {
        const auto made = machine({"scheduler.how=well", setting});
        made->run();
        EXPECT_FALSE(made->starved());
        return made->digest();
    };
    EXPECT_EQ(digest("machine.watchdog_ms=0"), digest("machine.watchdog_ms=50"));
}

}  // namespace
}  // namespace ring3
