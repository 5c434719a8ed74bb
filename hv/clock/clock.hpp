// SPDX-License-Identifier: MIT
// A clock says what time it is in a machine, and how far a vCPU may run until the next event. All
// time that a guest can see comes from here. A policy: chosen by name, each in one file of this
// folder.
#pragma once

#include <cstdint>

#include "hv/base/cost.hpp"
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
    /// Something happened `count` times that takes time by the cost model, beside instructions,
    /// which now() counts, and cold caches. True: now() has moved on, so budgets are to be asked
    /// for anew. Nothing under a clock of the host: that work took its time already.
    virtual bool charge(Cost, std::uint64_t /*count*/) { return false; }
    /// A vCPU begins to run, and finds `cold` of time lost to caches that others have filled. It
    /// pays as it runs: instructions take twice their time until that is made up.
    virtual void begin_turn(std::uint64_t /*retired*/, Duration /*cold*/) {}
    /// It stops; answers what is not paid yet.
    virtual Duration end_turn(std::uint64_t /*retired*/) { return Duration::zero(); }
    /// The most that `cold` can be.
    virtual Duration cold_cache() const { return Duration::zero(); }
    /// The date that guests see, since 1970, when the machine's time is zero.
    virtual Duration date_at_start() const = 0;
};

}  // namespace ring3
