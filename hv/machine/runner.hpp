// SPDX-License-Identifier: MIT
// What a machine keeps of each vCPU and each guest, private to its sources.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "hv/io/driver_domain.hpp"
#include "hv/machine/cpu_pools.hpp"
#include "hv/machine/devices.hpp"
#include "hv/machine/machine.hpp"

namespace ring3 {

struct Machine::Runner : ScheduledVcpu {
    Runner(Vcpu& the_vcpu, TimerQueue& timers, std::string name)
        : vcpu(the_vcpu),
          timer(timers, std::move(name), [this](Time now) { vcpu.timer_expired(now); }) {
        view.id = vcpu.id();
        view.domain = vcpu.domain().id();
    }

    Vcpu& vcpu;
    TimerQueue::Timer timer;
};

/// Domain-0 has one vCPU, which runs no guest code: its back ends' tasks.
class Machine::Domain0 final : public DriverDomain, public ScheduledVcpu {
public:
    explicit Domain0(Machine& machine);
    ~Domain0() override;

    Time now() override { return machine_.time(); }
    void charge(IoWork work) override {
        machine_.clock_->charge(Cost::io_request, work.requests);
        machine_.clock_->charge(Cost::io_byte, work.bytes);
    }
    HostPoll* host() override;
    bool has_modelled_devices() override { return machine_.world() == Clock::World::closed; }
    bool has_outside() override { return machine_.inputs_.mode() != OutsideInputs::Mode::closed; }
    std::unique_ptr<OutsideInput> outside_input(std::string name, OutsideInput::Take take) override;

    bool is_scheduled() const { return scheduled_; }

    /// In effect, where it is scheduled.
    Scheduling scheduling;
    Duration ran{};
    void set_run_state(RunState state);

private:
    void work_came() override;

public:
    /// Its vCPU can run, and the scheduler hears of it.
    void wake();

private:
    RunState run_state_ = RunState::blocked;
    Time run_state_entered_{};

    Machine& machine_;
    const bool scheduled_;
};

struct Machine::Member {
    explicit Member(GuestSpec spec) : guest(std::move(spec)) {}

    Guest guest;
    std::vector<OpenedDisk> disks;
    /// By vCPU number.
    std::deque<Runner> runners;
    /// In effect; a new domain has what its config says.
    Scheduling scheduling;
    std::unique_ptr<ScriptedInput> input;
    /// What is typed at its console.
    std::unique_ptr<OutsideInputs::Source> keyboard;
    /// The last domain has ended, and that was acted on.
    bool is_settled = false;
};

}  // namespace ring3
