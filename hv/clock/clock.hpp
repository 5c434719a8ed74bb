// SPDX-License-Identifier: MIT
// A clock says what time it is in a machine, and how far a vCPU may run until the next event. All
// time that a guest can see comes from here. A policy: chosen by name, each in one file of this
// folder.
#pragma once

#include <cstdint>

#include "hv/base/units.hpp"

namespace ring3 {

/// `retired` is always the number of instructions that the whole machine has retired so far; it
/// never goes down between two calls.
class Clock {
public:
    static constexpr const char* kind = "clock";
    /// Who may put events into the machine: nobody (a run repeats), or the outside world at any
    /// time.
    enum class World : std::uint8_t { closed, open };

    virtual ~Clock() = default;

    virtual World world() const = 0;
    /// The time since the machine's start. Never goes back.
    virtual Time now(std::uint64_t retired) = 0;
    /// How many instructions to run at most before `deadline` must be looked at again; at least 1.
    /// In a closed world this is exact: now(retired + budget) is the first time not before it.
    virtual std::uint64_t budget(std::uint64_t retired, Time deadline) = 0;
    /// No vCPU can run before `deadline`. Answers how long the host must sleep at most; zero says
    /// that it is `deadline` now. `never` is allowed only in an open world.
    virtual Duration idle(std::uint64_t retired, Time deadline) = 0;
    /// Domain-0's back ends did so much, which takes time by the cost model: now() moves on by it.
    /// Nothing under a clock of the host: that work took its time already.
    virtual void charge_io(std::uint64_t requests, std::uint64_t bytes) = 0;
    /// The date that guests see, since 1970, when the machine's time is zero.
    virtual Duration date_at_start() const = 0;
};

}  // namespace ring3
