// SPDX-License-Identifier: MIT
// What every registered scheduler must do, whatever its idea of a good order is.
#include <gtest/gtest.h>

#include <array>
#include <map>

#include "hv/base/registry.hpp"
#include "hv/sched/scheduler.hpp"

namespace ring3 {
namespace {

using namespace std::chrono_literals;

constexpr PcpuId pcpu0{0};

class EveryScheduler : public ::testing::TestWithParam<std::string> {
protected:
    EveryScheduler() {
        for (std::size_t i = 0; i < vcpus.size(); ++i) {
            vcpus[i].domain = DomainId{static_cast<std::uint16_t>(i + 1)};
            scheduler->join(vcpus[i], now);
        }
    }
    void wake_all() {
        for (auto& vcpu : vcpus) scheduler->wake(vcpu, now, kicks);
    }
    /// Runs what is picked until the end of its slice, or until `most`.
    sched::Vcpu* run_one_turn(Scheduler::Why why, Duration most = Duration::max()) {
        const auto choice = scheduler->pick(pcpu0, now);
        if (choice.vcpu == nullptr) return nullptr;
        const Duration ran = std::min(choice.slice, most);
        EXPECT_GT(choice.slice, 0ns);
        now += ran;
        used[choice.vcpu->domain] += ran;
        scheduler->stopped(*choice.vcpu, pcpu0, ran, why, now);
        return choice.vcpu;
    }

    Params params{"scheduler"};
    std::unique_ptr<Scheduler> scheduler = Registry<Scheduler>::create(GetParam(), params);
    std::array<sched::Vcpu, 3> vcpus;
    std::map<DomainId, Duration> used;
    Time now{};
    Kicks kicks;
};

TEST_P(EveryScheduler, idles_while_nobody_can_run) {
    EXPECT_EQ(scheduler->pick(pcpu0, now).vcpu, nullptr);
}

TEST_P(EveryScheduler, runs_the_only_one_that_can) {
    scheduler->wake(vcpus[1], now, kicks);
    for (int turn = 0; turn < 5; ++turn)
        EXPECT_EQ(run_one_turn(Scheduler::Why::slice_spent), &vcpus[1]);
}

TEST_P(EveryScheduler, gives_equal_time_to_equal_weights) {
    wake_all();
    for (int turn = 0; turn < 3000; ++turn) run_one_turn(Scheduler::Why::slice_spent);
    const Duration total = used[{1}] + used[{2}] + used[{3}];
    for (const auto& vcpu : vcpus)
        EXPECT_NEAR(static_cast<double>(used[vcpu.domain].count()),
                    static_cast<double>(total.count()) / 3,
                    static_cast<double>(total.count()) * 0.02);
}

TEST_P(EveryScheduler, starves_nobody_who_yields_or_is_preempted) {
    wake_all();
    for (int turn = 0; turn < 300; ++turn)
        run_one_turn(turn % 2 == 0 ? Scheduler::Why::yielded : Scheduler::Why::preempted, 50us);
    EXPECT_EQ(used.size(), vcpus.size());
}

TEST_P(EveryScheduler, forgets_who_blocks_until_it_wakes) {
    wake_all();
    for (std::size_t i = 0; i < vcpus.size(); ++i) run_one_turn(Scheduler::Why::blocked, 10us);
    EXPECT_EQ(scheduler->pick(pcpu0, now).vcpu, nullptr);
    scheduler->wake(vcpus[2], now, kicks);
    EXPECT_EQ(run_one_turn(Scheduler::Why::blocked, 10us), &vcpus[2]);
}

TEST_P(EveryScheduler, never_picks_who_has_left) {
    wake_all();
    scheduler->leave(vcpus[0], now);
    for (int turn = 0; turn < 20; ++turn)
        EXPECT_NE(run_one_turn(Scheduler::Why::slice_spent), &vcpus[0]);
}

TEST_P(EveryScheduler, respects_affinity) {
    vcpus[0].affinity = {0b10};
    scheduler->wake(vcpus[0], now, kicks);
    EXPECT_EQ(scheduler->pick(pcpu0, now).vcpu, nullptr);
    EXPECT_EQ(scheduler->pick(PcpuId{1}, now).vcpu, &vcpus[0]);
}

TEST_P(EveryScheduler, makes_the_same_choices_again) {
    const auto choices = [](const std::string& name) {
        Params own_params("scheduler");
        const auto own = Registry<Scheduler>::create(name, own_params);
        std::array<sched::Vcpu, 4> members;
        std::vector<std::size_t> picked;
        Kicks own_kicks;
        Time time{};
        for (auto& vcpu : members) {
            own->join(vcpu, time);
            own->wake(vcpu, time, own_kicks);
        }
        for (int turn = 0; turn < 100; ++turn) {
            const auto choice = own->pick(pcpu0, time);
            picked.push_back(static_cast<std::size_t>(choice.vcpu - members.data()));
            const bool blocks = turn % 7 == 3;
            time += blocks ? Duration{1us} : choice.slice;
            own->stopped(*choice.vcpu, pcpu0, choice.slice,
                         blocks ? Scheduler::Why::blocked : Scheduler::Why::slice_spent, time);
            if (blocks) own->wake(*choice.vcpu, time, own_kicks);
        }
        return picked;
    };
    EXPECT_EQ(choices(GetParam()), choices(GetParam()));
}

INSTANTIATE_TEST_SUITE_P(Registered, EveryScheduler, ::testing::ValuesIn([] {
                             std::vector<std::string> names;
                             for (const auto& entry : Registry<Scheduler>::names())
                                 names.push_back(entry.name);
                             return names;
                         }()),
                         [](const auto& scheduler_name) { return scheduler_name.param; });

}  // namespace
}  // namespace ring3
