// SPDX-License-Identifier: MIT
#include "hv/machine/machine_parameters.hpp"

#include <chrono>
#include <limits>
#include <optional>

#include <fmt/format.h>

#include "hv/base/errors.hpp"

namespace ring3 {

namespace {

Scheduling read_domain0_scheduling(Params& params) {
    Scheduling all;
    SchedParams& of = all.params;
    of.weight =
        static_cast<std::uint32_t>(params.integer("domain0_weight", of.weight, {1, most_weight},
                                                  "Domain-0's share, as cpu_weight of domains"));
    of.cap_percent = static_cast<std::uint32_t>(params.integer(
        "domain0_cap_percent", 0, {0, 100}, "the most that Domain-0 gets of a pCPU; 0: no limit"));
    // 0 leaves it to the scheduler.
    const auto reservation = [&](const char* name, const char* meaning) {
        const Duration value = params.duration(name, Duration::zero(), meaning, Duration::zero(),
                                               std::chrono::hours{1});
        return value == Duration::zero() ? std::nullopt : std::optional(value);
    };
    of.period = reservation("domain0_period_us",
                            "Domain-0 has domain0_budget_us in each; 0: the scheduler's default");
    of.budget = reservation("domain0_budget_us",
                            "Domain-0's CPU time in each period; 0: the scheduler's default");
    if (of.period && of.budget && *of.budget > *of.period)
        throw ConfigError{"[machine] domain0_budget_us is more than domain0_period_us"};
    of.warp = static_cast<std::uint32_t>(
        params.integer("domain0_warp", 0, {0, most_warp},
                       "scheduler bvt: how far Domain-0 borrows from its "
                       "future when it wakes"));
    const std::string cpus = params.text(
        "domain0_cpus", "all", "pCPUs that Domain-0 may run on: all, or a list such as 0-3,5,^2");
    const auto affinity = parse_cpus(cpus);
    if (!affinity)
        throw ConfigError{fmt::format(
            "[machine] domain0_cpus = \"{}\": must be all, or a list such as 0-3,5,^2", cpus)};
    all.affinity = *affinity;
    return all;
}

}  // namespace

MachineParameters::MachineParameters(Params& params) {
    pcpus = static_cast<std::uint32_t>(
        params.integer("pcpus", 1, {1, 64}, "physical CPUs of the machine"));
    quantum = params.duration("quantum_us", std::chrono::microseconds{100},
                              "several pCPUs: how long one of them runs before the next one does; "
                              "what happens on one is seen on others at the end of it",
                              std::chrono::microseconds{1}, std::chrono::seconds{1});

    constexpr std::uint64_t frames_per_mib = (1 << 20) / page_size;
    const std::int64_t mib = params.integer("memory_mib", 4096, {16, std::int64_t{1} << 20},
                                            "memory of the machine, for all its domains");
    memory = Frames{static_cast<std::uint64_t>(mib) * frames_per_mib};

    const std::string when = params.choice(
        "domain0", "auto", {"auto", "scheduled", "at_once"},
        "when back ends work: scheduled as a vCPU like any other, or at once, as if Domain-0 had a "
        "CPU of its own; auto: scheduled under a virtual clock, else at once");
    domain0 = when == "auto"        ? Domain0::by_world
              : when == "scheduled" ? Domain0::scheduled
                                    : Domain0::at_once;
    domain0_scheduling = read_domain0_scheduling(params);
    watchdog = params.duration(
        "watchdog_ms", std::chrono::milliseconds{0},
        "longest that a vCPU which can run may go without a pCPU; 0: as long as the scheduler "
        "likes. Caps and reservations make vCPUs wait as well",
        std::chrono::milliseconds{0}, std::chrono::hours{24});
    on_starvation = params.choice("watchdog_action", "stop", {"stop", "round_robin"},
                                  "what becomes of a run in which one waits longer: it stops, or "
                                  "goes on under round_robin and its result is marked") == "stop"
                        ? OnStarvation::stop
                        : OnStarvation::round_robin;
    input_quiet = params.duration(
        "input_quiet_ms", std::chrono::milliseconds{500},
        "virtual clock only: silence on the console before the next line of input is typed",
        std::chrono::milliseconds{1}, std::chrono::hours{1});
    seed = static_cast<std::uint64_t>(
        params.integer("seed", 1, {0, std::numeric_limits<std::int64_t>::max()},
                       "virtual clock only: of the random numbers that guests get by RDRAND; under "
                       "a clock of the host they are the host's"));
    const std::int64_t stop = params.integer(
        "stop_after_instructions", 0, {0, std::numeric_limits<std::int64_t>::max()},
        "stop the run when so many instructions were retired, to compare digests; 0: never");
    stop_after =
        stop == 0 ? std::numeric_limits<std::uint64_t>::max() : static_cast<std::uint64_t>(stop);
    params.reject_unknown();
}

}  // namespace ring3
