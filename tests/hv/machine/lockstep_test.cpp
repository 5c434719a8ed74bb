// SPDX-License-Identifier: MIT
// Several pCPUs: guests run side by side in virtual time, and again in the same way.
#include <set>
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "hv/abi/sched.hpp"
#include "hv/base/errors.hpp"
#include "hv/base/registry.hpp"
#include "hv/machine/machine.hpp"
#include "hv/trace/timeline.hpp"
#include "tests/support/small_guest.hpp"

namespace ring3 {
namespace {

using namespace test;
using namespace std::chrono_literals;
using ::testing::HasSubstr;

struct Kept final : trace::Sink {
    void take(std::span<const trace::Record> more) override {
        records.insert(records.end(), more.begin(), more.end());
    }
    std::vector<trace::Record> records;
};

struct Result {
    std::string digest;
    Time time;
    std::uint64_t retired = 0;
    std::vector<std::uint64_t> retired_by_guest;
    std::vector<trace::Record> records;
};

/// Three guests that compute without end, for 30 million instructions of the whole machine.
Result spin(const std::vector<std::string>& settings) {
    MachineConfig config = small_machine();
    config.set("machine.stop_after_instructions=30000000");
    for (const std::string& setting : settings) config.set(setting);
    Patient outside;
    Kept sink;
    Machine machine(std::move(config), outside, {});
    machine.start_trace(sink, trace::default_classes());
    for (const char* name : {"one", "two", "three"}) machine.add_guest(small_guest(spins(), name));
    EXPECT_EQ(machine.run(), Machine::End::stopped);
    machine.stop_trace();
    std::vector<std::uint64_t> retired_by_guest;
    for (Guest* const guest : machine.guests())
        retired_by_guest.push_back(guest->domain()->vcpu(VcpuId{0}).cpu.retired);
    return {machine.digest(), machine.time(), machine.retired(), retired_by_guest,
            std::move(sink.records)};
}

TEST(Lockstep, does_as_much_in_a_third_of_the_time_on_three_pcpus) {
    EXPECT_EQ(spin({}).time, Time{30ms});
    const Result three = spin({"machine.pcpus=3"});
    EXPECT_EQ(three.retired, 30'000'000u);
    EXPECT_EQ(three.time, Time{10ms});
    EXPECT_EQ(spin({"machine.pcpus=2"}).time, Time{15ms});
}

TEST(Lockstep, is_the_same_run_again_and_with_another_engine) {
    const Result once = spin({"machine.pcpus=2"});
    EXPECT_EQ(once.digest, spin({"machine.pcpus=2"}).digest);
    EXPECT_EQ(once.records, spin({"machine.pcpus=2"}).records);
    EXPECT_EQ(once.digest, spin({"machine.pcpus=2", "engine.block_limit=1"}).digest);
}

/// Nobody's turns overlap, whichever pCPUs they are on.
void expect_one_pcpu_at_a_time(std::vector<trace::Record> records) {
    std::ranges::stable_sort(records, {}, &trace::Record::time_ns);
    auto all = trace::slices(records);
    std::ranges::stable_sort(all, {}, &trace::Slice::from_ns);
    std::map<trace::VcpuName, std::uint64_t> busy_until;
    for (const trace::Slice& slice : all) {
        EXPECT_GE(slice.from_ns, busy_until[slice.who]) << trace::to_string(slice.who);
        busy_until[slice.who] = slice.to_ns;
    }
    EXPECT_EQ(busy_until.size(), 3u);
}

TEST(Lockstep, never_runs_one_vcpu_on_two_pcpus) {
    for (const char* pcpus : {"machine.pcpus=2", "machine.pcpus=4"})
        for (const char* slice : {"scheduler.slice_us=300", "scheduler.slice_us=30"}) {
            SCOPED_TRACE(std::string(pcpus) + ", " + slice);
            expect_one_pcpu_at_a_time(spin({pcpus, slice}).records);
        }
}

/// A vCPU that stops in the middle of a quantum can be picked by another pCPU, but not earlier.
TEST(Lockstep, never_gives_a_vcpu_the_same_time_twice) {
    for (const PolicyName& scheduler : Registry<Scheduler>::names()) {
        if (scheduler.name == "replay") continue;
        SCOPED_TRACE(scheduler.name);
        const Result result =
            spin({"machine.pcpus=4", "machine.quantum_us=50000", "scheduler.name=" + scheduler.name,
                  "machine.stop_after_instructions=400000000"});
        expect_one_pcpu_at_a_time(result.records);
        for (const std::uint64_t retired : result.retired_by_guest)
            EXPECT_LE(retired, static_cast<std::uint64_t>(result.time.time_since_epoch().count()));
    }
}

TEST(Lockstep, ends_when_all_guests_have_ended) {
    for (const char* quantum : {"machine.quantum_us=1", "machine.quantum_us=1000"}) {
        MachineConfig config = small_machine();
        config.set("machine.pcpus=4");
        config.set(quantum);
        Patient outside;
        Machine machine(std::move(config), outside, {});
        Guest& first = machine.add_guest(small_guest(prints('A'), "one"));
        Guest& second = machine.add_guest(small_guest(crashes(), "two"));
        EXPECT_EQ(machine.run(), Machine::End::guests_ended);
        EXPECT_EQ(first.shutdown_reason(), std::uint32_t{SHUTDOWN_poweroff});
        EXPECT_TRUE(second.has_crashed());
    }
}

TEST(Lockstep, starts_a_guest_again_when_it_reboots) {
    MachineConfig config = small_machine();
    config.set("machine.pcpus=2");
    Patient outside;
    Machine machine(std::move(config), outside, {});
    Guest& guest = machine.add_guest(small_guest(shuts_down(SHUTDOWN_reboot)));
    outside.stop_when = [&] { return guest.domain()->id() == DomainId{4}; };
    EXPECT_EQ(machine.run(), Machine::End::stopped);
}

TEST(Lockstep, says_so_when_nothing_can_ever_happen_again) {
    MachineConfig config = small_machine();
    config.set("machine.pcpus=2");
    Patient outside;
    Machine machine(std::move(config), outside, {});
    machine.add_guest(small_guest(sleeps()));
    EXPECT_EQ(machine.run(), Machine::End::stuck);
}

TEST(Lockstep, is_for_runs_that_are_neither_recorded_nor_replayed) {
    MachineConfig config = small_machine();
    config.set("machine.pcpus=2");
    Patient outside;
    try {
        Machine machine(std::move(config), outside, {}, {.record = "/tmp/none", .replay = {}});
        ADD_FAILURE();
    } catch (const ConfigError& error) {
        EXPECT_THAT(error.what(), HasSubstr("has one pCPU"));
    }
}

/// Each pCPU is slow there, but all of them go on, and what is asked from outside comes through.
TEST(SeveralPcpus, share_the_host_s_time_under_its_clock) {
    MachineConfig config = small_machine();
    config.choose("clock", "wall", "test");
    config.set("machine.pcpus=3");
    Patient outside;
    Machine machine(std::move(config), outside, {});
    std::vector<Guest*> guests;
    for (const char* name : {"one", "two", "three"})
        guests.push_back(&machine.add_guest(small_guest(spins(), name)));
    int looks = 0;
    outside.on_look = [&] { ++looks; };
    outside.stop_when = [&] { return machine.time() >= Time{200ms}; };
    EXPECT_EQ(machine.run(), Machine::End::stopped);
    std::set<PcpuId> used;
    for (Guest* const guest : guests) {
        EXPECT_GT(guest->domain()->vcpu(VcpuId{0}).cpu.retired, 1000u) << guest->name();
        used.insert(std::as_const(machine).scheduled(guest, VcpuId{0}).pcpu);
    }
    EXPECT_EQ(used.size(), 3u);
    EXPECT_GT(looks, 5) << "somebody outside got turns";
}

TEST(SeveralPcpus, sleep_under_the_host_s_clock_when_nobody_can_run) {
    MachineConfig config = small_machine();
    config.choose("clock", "wall", "test");
    config.set("machine.pcpus=2");
    Patient outside;
    Machine machine(std::move(config), outside, {});
    machine.add_guest(small_guest(sleeps()));
    outside.on_wait = [&] { outside.stop = outside.waits.size() > 2; };
    EXPECT_EQ(machine.run(), Machine::End::stopped);
    EXPECT_EQ(outside.waits.back(), Duration::max());
}

TEST(Pinning, keeps_a_guest_on_its_pcpus_and_refuses_those_that_there_are_not) {
    MachineConfig config = small_machine();
    config.set("machine.pcpus=2");
    config.set("machine.stop_after_instructions=5000000");
    Patient outside;
    Kept sink;
    Machine machine(std::move(config), outside, {});
    machine.start_trace(sink, trace::default_classes());
    for (const std::uint64_t pcpu : {0u, 1u}) {
        GuestSpec spec = small_guest(spins(), pcpu == 0 ? "one" : "two");
        spec.config.scheduling.affinity = {std::uint64_t{1} << pcpu};
        machine.add_guest(std::move(spec));
    }
    GuestSpec nowhere = small_guest(spins(), "three");
    nowhere.config.scheduling.affinity = {0b100};
    EXPECT_THROW(machine.add_guest(std::move(nowhere)), ConfigError);
    machine.run();
    machine.stop_trace();
    for (const trace::Slice& slice : trace::slices(sink.records))
        EXPECT_TRUE(slice.who.domain == 0 || slice.pcpu + 1 == slice.who.domain);
}

TEST(Weights, of_configs_reach_the_scheduler) {
    MachineConfig config = small_machine();
    config.set("scheduler.name=stride");
    config.set("machine.stop_after_instructions=300000000");
    Patient outside;
    Kept sink;
    Machine machine(std::move(config), outside, {});
    machine.start_trace(sink, trace::default_classes());
    for (const std::uint32_t weight : {100u, 200u}) {
        GuestSpec spec = small_guest(spins(), weight == 100 ? "one" : "two");
        spec.config.scheduling.params.weight = weight;
        machine.add_guest(std::move(spec));
    }
    machine.run();
    machine.stop_trace();
    const auto all = trace::summarize(sink.records);
    EXPECT_NEAR(static_cast<double>(all.at({2, 0}).state_ns[0]) /
                    static_cast<double>(all.at({1, 0}).state_ns[0]),
                2.0, 0.1);
}

}  // namespace
}  // namespace ring3
