// SPDX-License-Identifier: MIT
// Domain-0 as a vCPU: it can run while its back ends have work, and its work takes the pCPU from
// guests, unless the machine file says that it has a CPU of its own.
#include <algorithm>

#include "hv/machine/runner.hpp"

namespace ring3 {
namespace {

bool has_no_cpu_of_its_own(MachineParameters::Domain0 when, Clock::World world) {
    if (when != MachineParameters::Domain0::by_world)
        return when == MachineParameters::Domain0::scheduled;
    return world == Clock::World::closed;
}

/// Work that makes work for itself must not keep guests waiting for ever.
constexpr int most_tasks_at_once = 256;

}  // namespace

Machine::Domain0::Domain0(Machine& machine)
    : DriverDomain(machine.timers_),
      machine_(machine),
      scheduled_(has_no_cpu_of_its_own(machine.parameters_.domain0, machine.world())) {
    view.domain = domain0;
    scheduling = machine.parameters_.domain0_scheduling;
    view.params = scheduling.params;
    view.affinity = scheduling.affinity;
    CpuPools::check_affinity(machine.pools_.first(), view.affinity);
    if (scheduled_) machine.pools_.join(*this, machine.pools_.first(), machine.time());
}

Machine::Domain0::~Domain0() {
    if (scheduled_) machine_.pools_.leave(*this, machine_.time());
}

HostPoll* Machine::Domain0::host() {
    return machine_.inputs_.accepts() ? &machine_.host_poll_ : nullptr;
}

std::unique_ptr<OutsideInput> Machine::Domain0::outside_input(std::string name,
                                                              OutsideInput::Take take) {
    if (!has_outside()) return nullptr;
    return std::make_unique<OutsideInputs::Source>(machine_.inputs_, std::move(name),
                                                   std::move(take));
}

void Machine::Domain0::work_came() {
    ++machine_.wakes_;
    if (scheduled_ && !machine_.is_in_quantum_) wake();
}

void Machine::Domain0::wake() {
    if (place != Place::out || !has_work()) return;
    place = Place::waiting;
    machine_.trace_.note(trace::Event::wake, view.domain, view.id);
    set_run_state(RunState::runnable);
    machine_.watchdog_.waits(view, machine_.time());
    pool->scheduler->wake(view, machine_.time(), machine_.kicks_);
}

void Machine::Domain0::set_run_state(RunState state) {
    const Time now = std::max(machine_.time(), stopped);
    machine_.trace_.note(trace::Event::runstate, view.domain, view.id,
                         static_cast<std::uint64_t>(run_state_), static_cast<std::uint64_t>(state),
                         static_cast<std::uint64_t>((now - run_state_entered_).count()));
    run_state_ = state;
    run_state_entered_ = now;
}

void Machine::run_domain0(Duration slice) {
    const Time began = time();
    end_domain0(began, work_as_domain0(slice));
}

/// Domain-0 got the CPU. A task is never interrupted; the slice ends after the one that exceeds it.
Scheduler::Why Machine::work_as_domain0(Duration slice) {
    const Time began = time();
    domain0_->place = ScheduledVcpu::Place::running;
    domain0_->pcpu = pcpu_;
    domain0_->set_run_state(RunState::running);
    kicks_ = {};
    while (domain0_->has_work()) {
        if (time() >= began + slice) return Scheduler::Why::slice_spent;
        if (kicks_.asked(pcpu_) || wants_stop()) return Scheduler::Why::preempted;
        domain0_->run_next();
        // Inside of a quantum what is due waits for its end, but for the store's answers.
        if (is_in_quantum_)
            store_.deliver_native();
        else
            do_what_is_due();
    }
    return Scheduler::Why::blocked;
}

void Machine::end_domain0(Time began, Scheduler::Why why) {
    const Time ended = time();
    domain0_->stopped = ended;
    domain0_->ran += ended - began;
    const bool can_run = why != Scheduler::Why::blocked;
    domain0_->place = can_run ? ScheduledVcpu::Place::waiting : ScheduledVcpu::Place::out;
    domain0_->set_run_state(can_run ? RunState::runnable : RunState::blocked);
    tell_stopped(*domain0_, ended - began, why, 0);
}

void Machine::work_at_once() {
    if (domain0_->is_scheduled() || !domain0_->has_work()) return;
    const Time began = pcpu_time();
    for (int i = 0; i < most_tasks_at_once && domain0_->has_work(); ++i) {
        domain0_->run_next();
        store_.deliver_native();
    }
    domain0_->ran += pcpu_time() - began;
}

DriverDomain& Machine::driver_domain() { return *domain0_; }

Duration Machine::domain0_time() const { return domain0_->ran; }

}  // namespace ring3
