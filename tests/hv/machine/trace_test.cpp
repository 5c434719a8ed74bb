// SPDX-License-Identifier: MIT
// What a machine records, and that nobody in it can tell.
#include <algorithm>

#include <gtest/gtest.h>

#include "hv/abi/sched.hpp"
#include "hv/machine/machine.hpp"
#include "hv/trace/timeline.hpp"
#include "tests/support/small_guest.hpp"

namespace ring3 {
namespace {

using namespace test;
using trace::Event;
using trace::Record;

struct Kept final : trace::Sink {
    void take(std::span<const Record> more) override {
        records.insert(records.end(), more.begin(), more.end());
    }
    std::size_t count(Event event) const {
        return static_cast<std::size_t>(std::ranges::count(records, event, &Record::event));
    }
    std::vector<Record> records;
};

struct Result {
    std::vector<Record> records;
    std::string digest;
    Duration time;
};

/// Two guests that print and power off, and one that is stopped in the middle of its spinning.
Result run(trace::Classes classes) {
    Patient outside;
    Kept sink;
    MachineConfig config = small_machine();
    config.set("machine.stop_after_instructions=40000000");
    Machine machine(std::move(config), outside, {});
    if (classes.bits != 0) machine.start_trace(sink, classes);
    machine.add_guest(small_guest(prints('A'), "one"));
    machine.add_guest(small_guest(spins(), "two"));
    machine.add_guest(small_guest(prints('C'), "three"));
    machine.run();
    machine.stop_trace();
    return {sink.records, machine.digest(), machine.time().time_since_epoch()};
}

TEST(MachineTrace, changes_nothing_of_the_run) {
    const Result without = run({}), with = run(trace::all_classes());
    EXPECT_TRUE(without.records.empty());
    EXPECT_FALSE(with.records.empty());
    EXPECT_EQ(without.digest, with.digest);
    EXPECT_EQ(without.time, with.time);
}

TEST(MachineTrace, is_the_same_in_each_run) {
    EXPECT_EQ(run(trace::all_classes()).records, run(trace::all_classes()).records);
}

TEST(MachineTrace, holds_who_ran_and_in_which_state_each_vcpu_was) {
    const Result whole = run(trace::all_classes());
    Kept kept;
    kept.take(whole.records);
    EXPECT_EQ(kept.count(Event::domain_start), 3u);
    EXPECT_EQ(kept.count(Event::domain_end), 2u);
    EXPECT_EQ(kept.count(Event::run), kept.count(Event::stop));
    EXPECT_GE(kept.count(Event::hypercall), 2u);
    const auto summaries = trace::summarize(whole.records);
    const auto total = static_cast<std::uint64_t>(whole.time.count());
    std::uint64_t running = 0;
    for (std::uint16_t domain = 1; domain <= 3; ++domain) {
        const auto& states = summaries.at({domain, 0}).state_ns;
        EXPECT_EQ(states[0] + states[1] + states[2] + states[3], total) << domain;
        running += states[0];
    }
    EXPECT_LE(running, total);
    EXPECT_GE(running, total - total / 10);
}

TEST(MachineTrace, orders_the_records_of_a_pcpu_by_time) {
    const Result whole = run(trace::all_classes());
    EXPECT_TRUE(std::ranges::is_sorted(whole.records, {}, &Record::time_ns));
}

TEST(MachineTrace, holds_only_the_classes_that_were_asked_for) {
    for (const Record& record : run(trace::parse_classes("runstate")).records)
        EXPECT_EQ(record.event, Event::runstate);
}

TEST(MachineTrace, tells_once_that_nobody_can_run) {
    Patient outside;
    Kept sink;
    Machine machine(small_machine(), outside, {});
    machine.start_trace(sink, trace::all_classes());
    machine.add_guest(small_guest(sleeps()));
    EXPECT_EQ(machine.run(), Machine::End::stuck);
    machine.stop_trace();
    EXPECT_EQ(sink.count(Event::idle), 1u);
    EXPECT_EQ(sink.records.back().event, Event::idle);
}

}  // namespace
}  // namespace ring3
