// SPDX-License-Identifier: MIT
// What every registered scheduler must do, whatever its idea of a good order is; and what those do
// that promise more.
#include <filesystem>
#include <map>

#include <unistd.h>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "hv/base/random.hpp"
#include "hv/trace/file.hpp"
#include "tests/hv/sched/simulation.hpp"

namespace ring3::test {
namespace {

using namespace std::chrono_literals;

/// A trace in which nothing happens: what `replay` repeats here.
std::string empty_trace() {
    struct Kept {
        Kept() { trace::FileWriter(path, trace::default_classes(), true).finish(); }
        ~Kept() { std::filesystem::remove(path); }
        const std::string path = std::filesystem::temp_directory_path() /
                                 fmt::format("ring3-empty-trace-{}", ::getpid());
    };
    static const Kept kept;
    return kept.path;
}

Params params_of(const std::string& name) {
    Params params("scheduler");
    if (name == "replay") params.set("file", {empty_trace(), "a test"});
    return params;
}

class EveryScheduler : public ::testing::TestWithParam<std::string> {
protected:
    std::unique_ptr<Simulation> simulation(std::uint32_t pcpus) const {
        return std::make_unique<Simulation>(GetParam(), pcpus, params_of(GetParam()));
    }
    Scheduler::Promises promises() const { return simulation(1)->scheduler().promises(); }
    static void expect_nothing_wrong(const Simulation& simulation) {
        for (const std::string& what : simulation.wrongs())
            ADD_FAILURE() << what << " at " << simulation.now().count() << " ns";
    }
    /// Computes and sleeps for a time up to so much, by chance.
    static Simulation::Plan restless(Random& random, Duration most_computing,
                                     Duration most_sleeping) {
        const auto up_to = [&random](Duration most) {
            return [&random, most] {
                return Duration{static_cast<Duration::rep>(
                    random.below(static_cast<std::uint64_t>(most.count())))};
            };
        };
        return {up_to(most_computing), up_to(most_sleeping)};
    }
};

double share(Duration part, Duration whole) {
    return static_cast<double>(part.count()) / static_cast<double>(whole.count());
}

TEST_P(EveryScheduler, idles_while_nobody_can_run) {
    const auto all = simulation(2);
    all->run_until(1s);
    EXPECT_TRUE(all->turns.empty());
    expect_nothing_wrong(*all);
}

TEST_P(EveryScheduler, runs_the_only_one_that_can) {
    const auto all = simulation(1);
    Simulation::Member& only = all->add(1);
    all->add(2, {}, {}, 1s);
    all->run_until(1s);
    EXPECT_EQ(only.used, 1s);
    expect_nothing_wrong(*all);
}

TEST_P(EveryScheduler, gives_equal_time_to_equals) {
    if (!promises().is_even_handed) GTEST_SKIP() << "it does not promise that";
    const auto all = simulation(1);
    for (std::uint16_t domain = 1; domain <= 3; ++domain) all->add(domain);
    all->run_until(30s);
    for (const auto& member : all->members()) EXPECT_NEAR(share(member.used, 30s), 1.0 / 3, 0.03);
    expect_nothing_wrong(*all);
}

TEST_P(EveryScheduler, follows_weights_when_it_promises_to) {
    if (!promises().follows_weights) GTEST_SKIP() << "it does not promise that";
    const auto all = simulation(1);
    const std::uint32_t weights[] = {128, 256, 512, 1024};
    for (std::uint16_t i = 0; i < 4; ++i)
        all->add(static_cast<std::uint16_t>(i + 1), {.weight = weights[i]});
    all->run_until(120s);
    for (std::size_t i = 0; i < 4; ++i)
        EXPECT_NEAR(share(all->members()[i].used, 120s), weights[i] / 1920.0,
                    0.04 * weights[i] / 1920.0 + 0.004)
            << "weight " << weights[i];
    expect_nothing_wrong(*all);
}

TEST_P(EveryScheduler, follows_weights_of_those_that_sleep_as_well) {
    if (!promises().follows_weights) GTEST_SKIP() << "it does not promise that";
    const auto all = simulation(1);
    Simulation::Member& small = all->add(1, {.weight = 256});
    Simulation::Member& big = all->add(2, {.weight = 512});
    Simulation::Member& idle =
        all->add(3, {.weight = 512}, {[] { return 1ms; }, [] { return 99ms; }});
    all->run_until(60s);
    EXPECT_NEAR(share(idle.used, 60s), 0.01, 0.004) << "as much as it wants";
    EXPECT_NEAR(share(big.used, small.used), 2.0, 0.15);
    expect_nothing_wrong(*all);
}

TEST_P(EveryScheduler, keeps_caps_when_it_promises_to) {
    if (!promises().keeps_caps) GTEST_SKIP() << "it does not promise that";
    for (const std::uint32_t cap : {10u, 30u, 50u, 90u}) {
        const auto all = simulation(1);
        Simulation::Member& capped = all->add(1, {.cap_percent = cap});
        all->run_until(30s);
        EXPECT_NEAR(share(capped.used, 30s), cap / 100.0, 0.02) << cap;
        expect_nothing_wrong(*all);
    }
    const auto all = simulation(2);
    Simulation::Member& capped = all->add(1, {.weight = 512, .cap_percent = 20});
    for (std::uint16_t domain = 2; domain <= 4; ++domain) all->add(domain);
    all->run_until(30s);
    EXPECT_NEAR(share(capped.used, 30s), 0.2, 0.02) << "beside others, with a big weight";
}

TEST_P(EveryScheduler, starves_nobody_for_longer_than_it_says) {
    if (promises().wait_per_other == never) GTEST_SKIP() << "it does not promise that";
    const auto all = simulation(1);
    constexpr int others = 5;
    for (std::uint16_t domain = 1; domain <= others + 1; ++domain) all->add(domain);
    all->run_until(30s);
    for (const auto& member : all->members()) {
        EXPECT_GT(member.used, 0ns);
        EXPECT_LE(member.longest_wait, promises().wait_per_other.time_since_epoch() * others);
    }
    expect_nothing_wrong(*all);
}

TEST_P(EveryScheduler, keeps_no_pcpu_idle_while_somebody_waits_when_it_promises_to) {
    if (!promises().conserves_work) GTEST_SKIP() << "it does not promise that";
    // Queues of one pCPU each, between which nobody migrates, are a part of what bvt is.
    const bool migrates = GetParam() != "bvt";
    for (const std::uint32_t pcpus : {1u, 2u, 4u}) {
        if (pcpus > 1 && !migrates) continue;
        Random random(pcpus);
        const auto all = simulation(pcpus);
        for (std::uint16_t domain = 1; domain <= 6; ++domain)
            all->add(domain, {.weight = 128u * domain}, restless(random, 20ms, 20ms));
        all->run_until(20s);
        EXPECT_EQ(all->wasted, 0ns) << pcpus;
        expect_nothing_wrong(*all);
    }
}

TEST_P(EveryScheduler, respects_affinity) {
    const auto all = simulation(2);
    Simulation::Member& first = all->add(1);
    all->set_affinity(first, {0b10});
    Simulation::Member& second = all->add(2);
    all->set_affinity(second, {0b01});
    all->run_until(1s);
    for (const Turn& turn : all->turns) EXPECT_EQ(turn.pcpu, turn.domain == 1 ? 1u : 0u);
    EXPECT_EQ(first.used + second.used, 2s);
    all->set_affinity(first, {0b01});
    all->turns.clear();
    all->run_until(2s);
    for (const Turn& turn : all->turns) EXPECT_EQ(turn.pcpu, 0u);
    expect_nothing_wrong(*all);
}

TEST_P(EveryScheduler, forgets_who_leaves) {
    const auto all = simulation(2);
    for (std::uint16_t domain = 1; domain <= 4; ++domain) all->add(domain);
    all->run_until(1s);
    all->remove(all->members()[0]);
    all->remove(all->members()[2]);
    all->turns.clear();
    all->run_until(2s);
    for (const Turn& turn : all->turns) EXPECT_EQ(turn.domain % 2, 0);
    expect_nothing_wrong(*all);
}

/// A small world in which all happens that can.
std::vector<Turn> random_run(const std::string& name, std::uint64_t seed, std::uint64_t calls,
                             std::vector<std::string>& wrongs) {
    Random random(seed);
    Simulation all(name, 3, params_of(name));
    const auto some = [&random](std::uint64_t most) {
        return Duration{static_cast<Duration::rep>(random.below(most))};
    };
    const auto somebody = [&]() -> Simulation::Member* {
        Simulation::Member& member = all.members()[random.below(all.members().size())];
        return member.has_left ? nullptr : &member;
    };
    const auto given = [&] {
        SchedParams params;
        params.weight = static_cast<std::uint32_t>(1 + random.below(1000));
        if (random.chance(1, 3))
            params.cap_percent = static_cast<std::uint32_t>(1 + random.below(100));
        if (random.chance(1, 3)) {
            params.period = Duration{1ms} + some(50'000'000);
            params.budget = Duration{10us} + some(900'000);
            params.extra_time = random.chance(1, 2);
        }
        if (random.chance(1, 4)) params.warp = static_cast<std::uint32_t>(random.below(10'000));
        return params;
    };
    std::uint16_t domain = 0;
    const auto add = [&] {
        all.add(static_cast<std::uint16_t>(domain++ / 2), given(),
                {[some] { return some(20'000'000); }, [some] { return some(20'000'000); }});
    };
    for (int i = 0; i < 8; ++i) add();
    while (all.steps < calls && all.wrongs().empty()) {
        Simulation::Member* const member = somebody();
        switch (random.below(12)) {
            case 0:
                if (member != nullptr) all.set_params(*member, given());
                break;
            case 1:
                if (member != nullptr) all.set_affinity(*member, {1 + random.below(7)});
                break;
            case 2:
                if (member != nullptr && all.members().size() < 40) {
                    all.remove(*member);
                    add();
                }
                break;
            default:
                if (member != nullptr) all.yield(*member);
        }
        all.run_until(all.now() + some(30'000'000));
    }
    wrongs = all.wrongs();
    return all.turns;
}

TEST_P(EveryScheduler, does_nothing_wrong_in_many_random_calls) {
    std::vector<std::string> wrongs;
    const std::vector<Turn> turns = random_run(GetParam(), 7, 100'000, wrongs);
    for (const std::string& what : wrongs) ADD_FAILURE() << what;
    EXPECT_GT(turns.size(), 1000u);
}

TEST_P(EveryScheduler, makes_the_same_choices_again) {
    std::vector<std::string> wrongs;
    const std::vector<Turn> once = random_run(GetParam(), 11, 5'000, wrongs);
    EXPECT_EQ(once, random_run(GetParam(), 11, 5'000, wrongs));
    EXPECT_NE(once, random_run(GetParam(), 12, 5'000, wrongs)) << "the test can tell";
}

INSTANTIATE_TEST_SUITE_P(Registered, EveryScheduler, ::testing::ValuesIn([] {
                             std::vector<std::string> names;
                             for (const auto& entry : Registry<Scheduler>::names())
                                 names.push_back(entry.name);
                             return names;
                         }()),
                         [](const auto& scheduler_name) { return scheduler_name.param; });

}  // namespace
}  // namespace ring3::test
