// SPDX-License-Identifier: MIT
#include "hv/sched/check/checks.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <memory>
#include <utility>

#include <fmt/format.h>

#include "hv/base/random.hpp"
#include "hv/sched/check/simulation.hpp"

namespace ring3::sched {
namespace {

using namespace std::chrono_literals;
using Member = Simulation::Member;

/// Collects what went wrong.
class Findings {
public:
    void expect(bool holds, std::string what) {
        if (!holds) result_.faults.push_back(std::move(what));
    }
    void near(double value, double wanted, double tolerance, const std::string& of) {
        expect(std::abs(value - wanted) <= tolerance,
               fmt::format("{}: {:.4f}, not {:.4f} (within {:.4f})", of, value, wanted, tolerance));
    }
    /// What the simulation saw that none may do.
    void add(const Simulation& simulation) {
        for (const std::string& what : simulation.wrongs())
            expect(false, fmt::format("{} at {} ns", what, simulation.now().count()));
    }
    CheckResult take() { return std::move(result_); }

private:
    CheckResult result_;
};

double share(Duration part, Duration whole) {
    return static_cast<double>(part.count()) / static_cast<double>(whole.count());
}

std::unique_ptr<Simulation> simulate(const Subject& subject, std::uint32_t pcpus) {
    return std::make_unique<Simulation>(subject.name, pcpus, subject.params);
}

Scheduler::Promises promises_of(const Subject& subject) {
    return simulate(subject, 1)->scheduler().promises();
}

/// Who conserves no work may give nothing to those that have no reservation.
SchedParams reserved(const Subject& subject) {
    if (promises_of(subject).conserves_work) return {};
    SchedParams params;
    params.period = 100ms;
    params.budget = 40ms;
    return params;
}

CheckResult skipped() { return {.is_skipped = true, .faults = {}}; }

/// Computes and sleeps for a time below so much, by chance.
Simulation::Plan restless(Random& random, Duration most_computing, Duration most_sleeping) {
    const auto below = [&random](Duration most) {
        return [&random, most] {
            return Duration{
                static_cast<Duration::rep>(random.below(static_cast<std::uint64_t>(most.count())))};
        };
    };
    return {below(most_computing), below(most_sleeping)};
}

CheckResult idles_while_nobody_can_run(const Subject& subject) {
    Findings found;
    const auto all = simulate(subject, 2);
    all->run_until(1s);
    found.expect(all->turns.empty(), "somebody ran");
    found.add(*all);
    return found.take();
}

CheckResult runs_the_only_one_that_can(const Subject& subject) {
    Findings found;
    const auto all = simulate(subject, 1);
    const Member& only = all->add(1, reserved(subject));
    all->add(2, {}, {}, 1s);
    all->run_until(1s);
    const bool is_as_said = promises_of(subject).conserves_work ? only.used == 1s : only.used > 0ns;
    found.expect(is_as_said, fmt::format("it ran {} ns of a second", only.used.count()));
    found.add(*all);
    return found.take();
}

CheckResult gives_equal_time_to_equals(const Subject& subject) {
    if (!promises_of(subject).is_even_handed) return skipped();
    Findings found;
    const auto all = simulate(subject, 1);
    for (std::uint16_t domain = 1; domain <= 3; ++domain) all->add(domain);
    all->run_until(30s);
    for (const Member& member : all->members())
        found.near(share(member.used, 30s), 1.0 / 3, 0.03, "a share of one of three");
    found.add(*all);
    return found.take();
}

CheckResult follows_weights(const Subject& subject) {
    if (!promises_of(subject).follows_weights) return skipped();
    Findings found;
    const auto all = simulate(subject, 1);
    constexpr std::array<std::uint32_t, 4> weights{128, 256, 512, 1024};
    for (std::uint16_t i = 0; i < weights.size(); ++i)
        all->add(static_cast<std::uint16_t>(i + 1), {.weight = weights[i]});
    all->run_until(120s);
    for (std::size_t i = 0; i < weights.size(); ++i) {
        const double due = weights[i] / 1920.0;
        found.near(share(all->members()[i].used, 120s), due, 0.04 * due + 0.004,
                   fmt::format("the share of weight {}", weights[i]));
    }
    found.add(*all);
    return found.take();
}

CheckResult follows_weights_beside_a_sleeper(const Subject& subject) {
    if (!promises_of(subject).follows_weights) return skipped();
    Findings found;
    const auto all = simulate(subject, 1);
    const Member& small = all->add(1, {.weight = 256});
    const Member& big = all->add(2, {.weight = 512});
    const Member& idle = all->add(3, {.weight = 512}, {[] { return 1ms; }, [] { return 99ms; }});
    all->run_until(60s);
    found.near(share(idle.used, 60s), 0.01, 0.004, "the share of one that wants a hundredth");
    found.near(share(big.used, small.used), 2.0, 0.15, "double the weight");
    found.add(*all);
    return found.take();
}

CheckResult keeps_caps(const Subject& subject) {
    if (!promises_of(subject).keeps_caps) return skipped();
    Findings found;
    for (const std::uint32_t cap : {10u, 30u, 50u, 90u}) {
        const auto all = simulate(subject, 1);
        const Member& capped = all->add(1, {.cap_percent = cap});
        all->run_until(30s);
        found.near(share(capped.used, 30s), cap / 100.0, 0.02, fmt::format("a cap of {} %", cap));
        found.add(*all);
    }
    const auto all = simulate(subject, 2);
    const Member& capped = all->add(1, {.weight = 512, .cap_percent = 20});
    for (std::uint16_t domain = 2; domain <= 4; ++domain) all->add(domain);
    all->run_until(30s);
    found.near(share(capped.used, 30s), 0.2, 0.02, "a cap of 20 % beside others");
    return found.take();
}

CheckResult starves_nobody(const Subject& subject) {
    const Time bound = promises_of(subject).wait_per_other;
    if (bound == never) return skipped();
    Findings found;
    const auto all = simulate(subject, 1);
    constexpr int others = 5;
    for (std::uint16_t domain = 1; domain <= others + 1; ++domain) all->add(domain);
    all->run_until(30s);
    const Duration most = bound.time_since_epoch() * others;
    for (const Member& member : all->members()) {
        // Who waits still at the end has no turn to tell of it.
        const Duration waited =
            std::max(member.longest_wait, member.can_run ? 30s - member.can_run_since : 0ns);
        found.expect(member.used > 0ns, fmt::format("d{} never ran", member.view.domain.raw));
        found.expect(waited <= most,
                     fmt::format("d{} waited {} ns, and not at most {} ns", member.view.domain.raw,
                                 waited.count(), most.count()));
    }
    found.add(*all);
    return found.take();
}

CheckResult conserves_work(const Subject& subject) {
    const Scheduler::Promises promises = promises_of(subject);
    if (!promises.conserves_work) return skipped();
    Findings found;
    for (const std::uint32_t pcpus : {1u, 2u, 4u}) {
        if (pcpus > 1 && !promises.migrates) continue;
        Random random(pcpus);
        const auto all = simulate(subject, pcpus);
        for (std::uint16_t domain = 1; domain <= 6; ++domain)
            all->add(domain, {.weight = 128u * domain}, restless(random, 20ms, 20ms));
        all->run_until(20s);
        found.expect(all->wasted == 0ns,
                     fmt::format("{} ns of {} pCPUs were idle while somebody waited",
                                 all->wasted.count(), pcpus));
        found.add(*all);
    }
    return found.take();
}

CheckResult respects_affinity(const Subject& subject) {
    Findings found;
    const auto all = simulate(subject, 2);
    Member& first = all->add(1, reserved(subject));
    all->set_affinity(first, {0b10});
    Member& second = all->add(2, reserved(subject));
    all->set_affinity(second, {0b01});
    all->run_until(1s);
    for (const Turn& turn : all->turns)
        found.expect(turn.pcpu == (turn.domain == 1 ? 1u : 0u), "it ran where it may not");
    found.expect(first.used > 0ns && second.used > 0ns, "one of them never ran");
    if (promises_of(subject).conserves_work)
        found.expect(first.used + second.used == 2s, "not all of both pCPUs was used");
    all->set_affinity(first, {0b01});
    all->turns.clear();
    all->run_until(2s);
    for (const Turn& turn : all->turns)
        found.expect(turn.pcpu == 0, "it ran where it may not run any more");
    found.add(*all);
    return found.take();
}

CheckResult forgets_who_leaves(const Subject& subject) {
    Findings found;
    const auto all = simulate(subject, 2);
    for (std::uint16_t domain = 1; domain <= 4; ++domain) all->add(domain);
    all->run_until(1s);
    all->remove(all->members()[0]);
    all->remove(all->members()[2]);
    all->turns.clear();
    all->run_until(2s);
    for (const Turn& turn : all->turns) found.expect(turn.domain % 2 == 0, "one that had left ran");
    found.add(*all);
    return found.take();
}

/// A small world in which all happens that can, until the scheduler was called so often.
std::unique_ptr<Simulation> random_run(const Subject& subject, std::uint64_t seed,
                                       std::uint64_t calls) {
    Random random(seed);
    auto made = simulate(subject, 3);
    Simulation& all = *made;
    const auto some = [&random](std::uint64_t most) {
        return Duration{static_cast<Duration::rep>(random.below(most))};
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
    while (all.calls() < calls && all.wrongs().empty()) {
        Member& member = all.members()[random.below(all.members().size())];
        const std::uint64_t what = random.below(12);
        if (!member.has_left) {
            if (what == 0) all.set_params(member, given());
            if (what == 1) all.set_affinity(member, {1 + random.below(7)});
            if (what == 2 && all.members().size() < 40) {
                all.remove(member);
                add();
            }
            if (what > 2) all.yield(member);
        }
        all.run_until(all.now() + some(30'000'000));
    }
    // Its plans draw from what ends here.
    for (Member& member : all.members()) member.plan = {};
    return made;
}

CheckResult survives_random_calls(const Subject& subject) {
    Findings found;
    const auto all = random_run(subject, 7, 1'000'000);
    found.add(*all);
    found.expect(all->turns.size() > 1000, fmt::format("only {} turns", all->turns.size()));
    return found.take();
}

CheckResult chooses_the_same_again(const Subject& subject) {
    Findings found;
    const auto once = random_run(subject, 11, 20'000), again = random_run(subject, 11, 20'000);
    found.add(*once);
    found.expect(once->turns == again->turns, "the same calls gave other turns");
    const auto other = random_run(subject, 12, 20'000);
    found.expect(once->turns != other->turns, "other calls gave the same turns");
    return found.take();
}

constexpr SchedulerCheck checks[] = {
    {"idles_while_nobody_can_run", "no turn where nobody can run", idles_while_nobody_can_run},
    {"runs_the_only_one_that_can", "who is alone has the pCPU, all the time if work is conserved",
     runs_the_only_one_that_can},
    {"gives_equal_time_to_equals", "three alike on a pCPU get a third each, within 0.03",
     gives_equal_time_to_equals},
    {"follows_weights", "weights 1:2:4:8 give time 1:2:4:8 within 4 %", follows_weights},
    {"follows_weights_beside_a_sleeper", "so they do beside one that mostly sleeps",
     follows_weights_beside_a_sleeper},
    {"keeps_caps", "caps of 10 to 90 % are kept within 0.02 of a pCPU", keeps_caps},
    {"starves_nobody", "nobody waits longer for five others than it says", starves_nobody},
    {"conserves_work", "no pCPU idles while somebody waits who may run on it", conserves_work},
    {"respects_affinity", "nobody runs on a pCPU that its affinity forbids", respects_affinity},
    {"forgets_who_leaves", "who left never runs", forgets_who_leaves},
    {"survives_random_calls", "a million calls in random order: nothing that none may do",
     survives_random_calls},
    {"chooses_the_same_again", "the same calls give the same turns", chooses_the_same_again},
};

}  // namespace

std::span<const SchedulerCheck> scheduler_checks() { return checks; }

}  // namespace ring3::sched
