// SPDX-License-Identifier: MIT
// What a machine keeps of each vCPU and each guest, private to its sources.
#pragma once

#include <functional>
#include <list>
#include <memory>
#include <string>

#include "hv/machine/machine.hpp"

namespace ring3 {

/// Invariant: the scheduler knows the vCPU as able to run exactly while it is `waiting` or
/// `running`.
struct Machine::Runner {
    enum class Place : std::uint8_t { out, waiting, running };

    Runner(Vcpu& the_vcpu, TimerQueue& timers, std::string name)
        : vcpu(the_vcpu),
          timer(timers, std::move(name), [this](Time now) { vcpu.timer_expired(now); }) {
        view.id = vcpu.id();
        view.domain = vcpu.domain().id();
    }

    Vcpu& vcpu;
    sched::Vcpu view;
    TimerQueue::Timer timer;
    Place place = Place::out;
};

struct Machine::Member {
    explicit Member(GuestSpec spec) : guest(std::move(spec)) {}

    Guest guest;
    std::list<Runner> runners;
    std::unique_ptr<ScriptedInput> input;
    /// The last domain has ended, and that was acted on.
    bool is_settled = false;
};

}  // namespace ring3
