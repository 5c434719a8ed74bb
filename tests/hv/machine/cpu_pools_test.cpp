// SPDX-License-Identifier: MIT
// CPU pools: each has its pCPUs and its scheduler, and both can change while guests run.
#include "hv/machine/cpu_pools.hpp"

#include <map>
#include <set>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "hv/base/errors.hpp"
#include "hv/base/registry.hpp"
#include "hv/machine/machine.hpp"
#include "hv/trace/timeline.hpp"
#include "tests/support/small_guest.hpp"

namespace ring3 {
namespace {

using namespace test;
using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

struct Kept final : trace::Sink {
    void take(std::span<const trace::Record> more) override {
        records.insert(records.end(), more.begin(), more.end());
    }
    std::vector<trace::Record> records;
};

PolicyChoice scheduler(const std::string& name) { return {name, Params("scheduler")}; }

/// A machine in virtual time that runs for as long as a test says, again and again.
class Pools : public testing::Test {
protected:
    void make(const std::vector<std::string>& settings) {
        MachineConfig config = small_machine();
        for (const std::string& setting : settings) config.set(setting);
        machine = std::make_unique<Machine>(std::move(config), outside, Log::Listener{});
        machine->start_trace(sink, trace::default_classes());
    }
    Guest& add(const std::string& name, const std::string& pool = "Pool-0",
               Affinity affinity = {}) {
        GuestSpec spec = small_guest(spins(), name);
        spec.config.pool = pool;
        spec.config.scheduling.affinity = affinity;
        return machine->add_guest(std::move(spec));
    }
    void run_for(Duration time) {
        const Time end = machine->time() + time;
        outside.stop_when = [this, end] { return machine->time() >= end; };
        EXPECT_EQ(machine->run(), Machine::End::stopped);
    }
    /// Where each domain ran since the last time that this was asked.
    std::map<std::uint16_t, std::set<std::uint16_t>> pcpus_used() {
        machine->stop_trace();
        std::map<std::uint16_t, std::set<std::uint16_t>> used;
        for (const trace::Slice& slice : trace::slices(sink.records))
            if (slice.who.domain != 0) used[slice.who.domain].insert(slice.pcpu);
        sink.records.clear();
        machine->start_trace(sink, trace::default_classes());
        return used;
    }
    Duration ran(Guest& guest) {
        return Duration{static_cast<Duration::rep>(
            guest.domain()->vcpu(VcpuId{0}).run_state_info(machine->time()).time[0])};
    }
    std::string refusal(auto&& act) {
        try {
            act();
        } catch (const ConfigError& error) {
            return error.what();
        }
        return "no refusal";
    }

    Patient outside;
    Kept sink;
    std::unique_ptr<Machine> machine;
};

TEST_F(Pools, are_made_from_sub_tables_of_the_scheduler) {
    make({"machine.pcpus=4", "scheduler.name=credit", "scheduler.batch.name=round_robin",
          "scheduler.batch.cpus=2-3", "scheduler.batch.slice_us=300"});
    ASSERT_EQ(machine->cpu_pools().size(), 2u);
    EXPECT_EQ(machine->cpu_pool("Pool-0").pcpus, Affinity{0b0011});
    EXPECT_EQ(machine->cpu_pool("batch").pcpus, Affinity{0b1100});
    EXPECT_EQ(machine->cpu_pool("1").choice.name, "round_robin");
    EXPECT_THAT(machine->config().describe(), HasSubstr("[scheduler.\"batch\"]"));
    add("one");
    add("two", "batch");
    add("three", "batch");
    add("four", "batch");
    run_for(5ms);
    const auto used = pcpus_used();
    EXPECT_EQ(used.at(1), (std::set<std::uint16_t>{0}));
    for (const std::uint16_t domain : std::vector<std::uint16_t>{2, 3, 4})
        EXPECT_EQ(used.at(domain), (std::set<std::uint16_t>{2, 3})) << domain;
}

TEST_F(Pools, that_cannot_be_are_refused) {
    const auto refused = [&](const std::vector<std::string>& settings) {
        return refusal([&] { make(settings); });
    };
    EXPECT_THAT(refused({"machine.pcpus=2", "scheduler.batch.cpus=2"}), HasSubstr("pCPUs 0 to 1"));
    EXPECT_THAT(refused({"machine.pcpus=2", "scheduler.batch.cpus=0-1"}), HasSubstr("Domain-0"));
    EXPECT_THAT(refused({"machine.pcpus=2", "scheduler.batch.slice_us=10"}),
                HasSubstr("takes a list of pCPUs"));
    EXPECT_THAT(refused({"machine.pcpus=2", "scheduler.batch.cpus=1", "scheduler.batch.name=rr"}),
                HasSubstr("round_robin"));
    EXPECT_THAT(refused({"machine.pcpus=2", "scheduler.a.cpus=1", "scheduler.b.cpus=1"}),
                HasSubstr("other pools"));
    EXPECT_THAT(refused({"machine.pcpus=2", "scheduler.2nd.cpus=1"}), HasSubstr("no digit"));
    make({"machine.pcpus=2"});
    EXPECT_THAT(refusal([&] { add("one", "batch"); }), HasSubstr("there are: Pool-0"));
}

TEST_F(Pools, take_free_pcpus_and_give_them_back) {
    make({"machine.pcpus=3"});
    Guest& one = add("one");
    add("two");
    add("three");
    run_for(2ms);
    EXPECT_EQ(pcpus_used().size(), 3u);
    CpuPool& first = machine->cpu_pool("Pool-0");
    EXPECT_THAT(refusal([&] { machine->create_pool("new", scheduler("fifo"), {}); }),
                HasSubstr("no pCPU is free"));
    machine->remove_from_pool(first, PcpuId{1});
    machine->remove_from_pool(first, PcpuId{2});
    run_for(2ms);
    for (const auto& [domain, pcpus] : pcpus_used()) EXPECT_THAT(pcpus, ElementsAre(0)) << domain;
    EXPECT_THAT(refusal([&] { machine->remove_from_pool(first, PcpuId{0}); }),
                HasSubstr("the last one"));
    EXPECT_EQ(machine->free_pcpus(), Affinity{0b110});

    CpuPool& fresh = machine->create_pool("new", scheduler("fifo"), {});
    EXPECT_EQ(fresh.pcpus, Affinity{0b10});
    machine->move_to_pool(one, fresh);
    const Duration before = ran(one);
    run_for(3ms);
    EXPECT_EQ(ran(one) - before, 3ms) << "alone on its pCPU";
    EXPECT_THAT(pcpus_used().at(1), ElementsAre(1));
    EXPECT_THAT(refusal([&] { machine->destroy_pool(fresh); }), HasSubstr("has domains"));
    machine->move_to_pool(one, first);
    machine->destroy_pool(fresh);
    machine->add_to_pool(first, PcpuId{2});
    run_for(2ms);
    std::set<std::uint16_t> all;
    for (const auto& [domain, pcpus] : pcpus_used()) all.insert(pcpus.begin(), pcpus.end());
    EXPECT_EQ(all, (std::set<std::uint16_t>{0, 2}));
    EXPECT_THAT(refusal([&] { machine->destroy_pool(first); }), HasSubstr("Domain-0"));
}

TEST_F(Pools, widen_the_affinity_of_who_has_lost_all_its_pcpus) {
    make({"machine.pcpus=2"});
    Guest& one = add("one", "Pool-0", {0b10});
    run_for(1ms);
    EXPECT_THAT(pcpus_used().at(1), ElementsAre(1));
    machine->remove_from_pool(machine->cpu_pool("0"), PcpuId{1});
    run_for(1ms);
    EXPECT_THAT(pcpus_used().at(1), ElementsAre(0));
    EXPECT_EQ(std::as_const(*machine).scheduled(&one, VcpuId{0}).view.affinity, Affinity{});
    EXPECT_THAT(refusal([&] { machine->set_affinity(&one, VcpuId{0}, {0b10}); }),
                HasSubstr("has the pCPUs 0"));
}

TEST_F(Pools, keep_a_reboot_and_a_new_guest_where_their_configs_say) {
    make({"machine.pcpus=2", "scheduler.batch.cpus=1"});
    GuestSpec spec = small_guest(shuts_down(1), "one");
    spec.config.pool = "batch";
    Guest& guest = machine->add_guest(std::move(spec));
    outside.stop_when = [&] { return guest.domain()->id() == DomainId{4}; };
    EXPECT_EQ(machine->run(), Machine::End::stopped);
    EXPECT_EQ(machine->pool_of(&guest).name, "batch");
    for (const auto& [domain, pcpus] : pcpus_used()) EXPECT_THAT(pcpus, ElementsAre(1)) << domain;
}

/// From each scheduler to each other, with vCPUs in all states.
class Switching : public Pools, public testing::WithParamInterface<std::string> {};

TEST_P(Switching, hands_over_who_can_run_and_what_they_were_promised) {
    make({"machine.pcpus=2", "scheduler.name=" + GetParam()});
    Guest& one = add("one");
    Guest& two = add("two");
    Guest& asleep = machine->add_guest(small_guest(sleeps(), "asleep"));
    Scheduling heavy = machine->scheduling(&one);
    heavy.params.weight = 768;
    machine->set_scheduling(&one, heavy);
    run_for(5ms);
    for (const auto& next : Registry<Scheduler>::names()) {
        if (next.name == "replay") continue;
        machine->set_scheduler(machine->cpu_pool("0"), scheduler(next.name));
        EXPECT_EQ(machine->cpu_pool("0").choice.name, next.name);
        const auto& view = std::as_const(*machine).scheduled(&one, VcpuId{0}).view;
        EXPECT_EQ(view.params.weight, 768u);
        // Domain-0 has one of null's pCPUs.
        const Duration had = ran(one) + ran(two), wanted = next.name == "null" ? 20ms : 40ms;
        run_for(20ms);
        EXPECT_GE(ran(one) + ran(two) - had, wanted - 2ms) << next.name;
        EXPECT_TRUE(asleep.domain()->vcpu(VcpuId{0}).is_blocked());
    }
}

TEST_P(Switching, repeats) {
    const auto run = [&] {
        make({"machine.pcpus=2", "scheduler.name=" + GetParam()});
        add("one");
        add("two");
        add("three");
        run_for(3ms);
        machine->set_scheduler(machine->cpu_pool("0"), scheduler("credit2"));
        run_for(3ms);
        machine->set_scheduler(machine->cpu_pool("0"), scheduler(GetParam()));
        run_for(3ms);
        return machine->digest();
    };
    const std::string once = run();
    EXPECT_EQ(once, run());
}

INSTANTIATE_TEST_SUITE_P(Scheduler, Switching, ::testing::ValuesIn([] {
                             std::vector<std::string> names;
                             for (const auto& entry : Registry<Scheduler>::names())
                                 if (entry.name != "replay") names.push_back(entry.name);
                             return names;
                         }()),
                         [](const auto& scheduler_name) { return scheduler_name.param; });

TEST_F(Pools, heed_weights_from_the_switch_on) {
    make({"scheduler.name=round_robin", "scheduler.slice_us=1000"});
    Guest& one = add("one");
    Guest& two = add("two");
    Scheduling heavy = machine->scheduling(&two);
    heavy.params.weight = 768;
    machine->set_scheduling(&two, heavy);
    run_for(40ms);
    EXPECT_NEAR(static_cast<double>(ran(two).count()) / static_cast<double>(ran(one).count()), 1,
                0.1);
    const Duration first = ran(one), second = ran(two);
    PolicyChoice stride = scheduler("stride");
    stride.params.set("quantum_us", {std::int64_t{1000}, "test"});
    machine->set_scheduler(machine->cpu_pool("0"), std::move(stride));
    run_for(80ms);
    EXPECT_NEAR(static_cast<double>((ran(two) - second).count()) /
                    static_cast<double>((ran(one) - first).count()),
                3, 0.2);
}

TEST_F(Pools, keep_their_scheduler_when_the_new_one_cannot_be_made) {
    make({});
    add("one");
    run_for(1ms);
    EXPECT_THAT(
        refusal([&] { machine->set_scheduler(machine->cpu_pool("0"), scheduler("credt")); }),
        HasSubstr("did you mean \"credit\"?"));
    PolicyChoice wrong = scheduler("credit");
    wrong.params.set("slice_us", {std::int64_t{5}, "test"});
    EXPECT_THAT(refusal([&] { machine->set_scheduler(machine->cpu_pool("0"), std::move(wrong)); }),
                HasSubstr("slice_ms"));
    // Made, but refuses its pCPUs: it has no trace.
    EXPECT_THAT(
        refusal([&] { machine->set_scheduler(machine->cpu_pool("0"), scheduler("replay")); }),
        HasSubstr("needs a trace"));
    EXPECT_EQ(machine->cpu_pool("0").choice.name, "round_robin");
    run_for(1ms);
}

TEST_F(Pools, have_domain_0_with_the_weight_and_the_pcpus_that_the_machine_file_says) {
    make({"machine.pcpus=2", "machine.domain0_weight=512", "machine.domain0_cpus=1",
          "machine.domain0_period_us=20000", "machine.domain0_budget_us=5000"});
    const sched::Vcpu& view = std::as_const(*machine).scheduled(nullptr, VcpuId{0}).view;
    EXPECT_EQ(view.params.weight, 512u);
    EXPECT_EQ(view.affinity, Affinity{0b10});
    EXPECT_EQ(view.params.budget, 5ms);
    Scheduling lighter = machine->scheduling(nullptr);
    lighter.params.weight = 128;
    machine->set_scheduling(nullptr, lighter);
    EXPECT_EQ(view.params.weight, 128u);
    EXPECT_EQ(machine->scheduling(nullptr).params.weight, 128u);
    EXPECT_THAT(refusal([&] { make({"machine.domain0_cpus=1"}); }), HasSubstr("has the pCPUs 0"));
    EXPECT_THAT(refusal([&] {
                    make({"machine.domain0_period_us=10", "machine.domain0_budget_us=20"});
                }),
                HasSubstr("more than"));
    EXPECT_THAT(refusal([&] { make({"machine.domain0_weight=0"}); }), HasSubstr("from 1 to"));
}

TEST_F(Pools, give_each_vcpu_of_a_domain_its_own_weight) {
    make({"scheduler.name=stride"});
    GuestSpec spec = small_guest(spins(), "one");
    spec.config.vcpus = spec.config.max_vcpus = 2;
    spec.config.scheduling.own[VcpuId{1}].weight = 99;
    Guest& guest = machine->add_guest(std::move(spec));
    EXPECT_EQ(std::as_const(*machine).scheduled(&guest, VcpuId{0}).view.params.weight, 256u);
    EXPECT_EQ(std::as_const(*machine).scheduled(&guest, VcpuId{1}).view.params.weight, 99u);
}

}  // namespace
}  // namespace ring3
