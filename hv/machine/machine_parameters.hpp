// SPDX-License-Identifier: MIT
// The parameters of the table [machine]: what is no policy's.
#pragma once

#include <cstdint>

#include "hv/base/params.hpp"
#include "hv/base/units.hpp"
#include "hv/machine/config/scheduling.hpp"

namespace ring3 {

struct MachineParameters {
    /// Throws ConfigError for values out of range and for parameters that do not exist.
    explicit MachineParameters(Params& params);

    /// When Domain-0's back ends do their work.
    enum class Domain0 : std::uint8_t {
        scheduled,  ///< its vCPU competes with guests for the CPU
        at_once,    ///< as soon as there is some, as if Domain-0 had a CPU of its own
        by_world,   ///< scheduled in a closed world, at once in an open one
    };

    /// What becomes of a run in which a vCPU starves.
    enum class OnStarvation : std::uint8_t { stop, round_robin };

    std::uint32_t pcpus = 1;
    Duration quantum{};
    Frames memory{};
    Domain0 domain0 = Domain0::by_world;
    /// What its vCPU is promised where it is scheduled.
    Scheduling domain0_scheduling;
    /// Zero: nobody watches.
    Duration watchdog{};
    OnStarvation on_starvation = OnStarvation::stop;
    /// See ScriptedInput.
    Duration input_quiet{};
    /// Of the random numbers that guests get in a closed world.
    std::uint64_t seed = 0;
    /// The run stops when exactly so many instructions were retired.
    std::uint64_t stop_after = 0;
};

}  // namespace ring3
