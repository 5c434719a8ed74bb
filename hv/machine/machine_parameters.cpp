// SPDX-License-Identifier: MIT
#include "hv/machine/machine_parameters.hpp"

#include <chrono>
#include <limits>

namespace ring3 {

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
