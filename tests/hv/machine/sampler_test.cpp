// SPDX-License-Identifier: MIT
// What a machine looks like now and then, and that nobody in it can tell that it was looked at.
#include "hv/machine/sampler.hpp"

#include <gtest/gtest.h>

#include "hv/machine/machine.hpp"
#include "tests/support/small_guest.hpp"

namespace ring3 {
namespace {

using namespace test;
using namespace std::chrono_literals;

struct Result {
    std::vector<MachineSample> samples;
    std::string digest;
    Duration time{};
};

/// Two guests that print and power off, and one that is stopped in the middle of its spinning.
Result run(Duration period, const char* setting = "machine.pcpus=1") {
    Patient outside;
    MachineConfig config = small_machine();
    config.set("machine.stop_after_instructions=400000000");
    config.set(setting);
    Machine machine(std::move(config), outside, {});
    Result result;
    if (period > 0ns)
        machine.start_sampling(
            period, [&](const MachineSample& sample) { result.samples.push_back(sample); });
    machine.add_guest(small_guest(prints('A'), "one"));
    machine.add_guest(small_guest(spins(), "two"));
    machine.add_guest(small_guest(prints('C'), "three"));
    machine.run();
    result.digest = machine.digest();
    result.time = machine.time().time_since_epoch();
    return result;
}

TEST(Sampler, changes_nothing_of_the_run) {
    for (const char* setting : {"machine.pcpus=1", "machine.pcpus=2"}) {
        const Result without = run(0ns, setting), with = run(1ms, setting);
        EXPECT_GT(with.samples.size(), 10U);
        EXPECT_EQ(without.digest, with.digest);
        EXPECT_EQ(without.time, with.time);
    }
}

TEST(Sampler, looks_once_in_each_period_and_in_the_same_moments_of_each_run) {
    const Result one = run(10ms), other = run(10ms);
    ASSERT_EQ(one.samples.size(), other.samples.size());
    std::int64_t last = -1;
    for (std::size_t i = 0; i < one.samples.size(); ++i) {
        const Duration at = one.samples[i].at.time_since_epoch();
        EXPECT_EQ(at, other.samples[i].at.time_since_epoch());
        EXPECT_GT(at / 10ms, last);
        last = at / 10ms;
    }
}

TEST(Sampler, sees_memory_run_states_and_rings_of_each_domain) {
    const Result result = run(1ms);
    const MachineSample& first = result.samples.front();
    ASSERT_EQ(first.domains.size(), 3U);
    const DomainSample& spinner = first.domains[1];
    EXPECT_EQ(spinner.name, "two");
    EXPECT_EQ(spinner.memory, Frames{2048});
    EXPECT_EQ(spinner.target, Frames{2048});
    ASSERT_EQ(spinner.rings.size(), 2U);
    EXPECT_EQ(spinner.rings[0].device, "console");
    EXPECT_EQ(spinner.rings[0].depth.ring, "out");

    // Who spins runs or waits to run, all of the time.
    const MachineSample& last = result.samples.back();
    const auto found = std::ranges::find(last.domains, "two", &DomainSample::name);
    ASSERT_NE(found, last.domains.end());
    const auto& states = found->run_states.at(0);
    EXPECT_GT(states[0], 0ns);
    EXPECT_EQ(states[0] + states[1], last.at.time_since_epoch());
}

TEST(Sampler, looks_more_rarely_the_longer_a_run_is) {
    std::vector<Duration> moments;
    Sampler sampler(
        1ms, [&](const MachineSample& sample) { moments.push_back(sample.at.time_since_epoch()); });
    // A hundred virtual years, a look at the machine each hour.
    for (Duration at{}; at < std::chrono::hours(24 * 365 * 100); at += 1h)
        if (sampler.is_due(Time{at})) sampler.take({Time{at}, {}});
    EXPECT_LT(moments.size(), 40 * Sampler::samples_per_period);
    EXPECT_EQ(moments[1], 1h);
}

}  // namespace
}  // namespace ring3
