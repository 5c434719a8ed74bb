// SPDX-License-Identifier: MIT
// Several pCPUs on one thread of the host, one after the other, each for a quantum. What crosses
// pCPUs is seen at the boundary behind the last one's quantum, in the order of pCPUs: wakes,
// timers, devices, outside input, the scheduler's timers and kicks. Guest memory is one exception:
// a store is seen by whoever reads after it. The scheduler is the other: it hears of a vCPU that
// stops inside of a quantum, and is asked for the next, in the order of virtual time, whichever
// pCPU that is on. So nobody is picked before the time at which it stopped.
//
// In virtual time each pCPU has a clock of its own, and quanta end at fixed multiples: all pCPUs do
// the same quantum of time. What cannot be interrupted (a hypercall, a task of Domain-0) may end
// behind the boundary; its pCPU then waits for the others. By the host's clock time passes for all
// while one of them runs, so each is as slow as if the host's thread were shared between machines.
//
// The pCPU at its turn has its state in the machine's own clock_, running_, retired_; the others'
// is parked.
#include <algorithm>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "hv/base/check.hpp"
#include "hv/base/errors.hpp"
#include "hv/base/registry.hpp"
#include "hv/machine/runner.hpp"

namespace ring3 {

using namespace std::chrono_literals;

/// Makes the clocks of the other pCPUs.
void Machine::make_clocks() {
    if (parameters_.pcpus == 1) return;
    const auto mode = inputs_.mode();
    if (mode == OutsideInputs::Mode::recorded || mode == OutsideInputs::Mode::replayed)
        throw ConfigError{
            fmt::format("machine.pcpus = {}: a run that is recorded or replayed has one pCPU",
                        parameters_.pcpus)};
    pcpus_.resize(parameters_.pcpus);
    if (world() == Clock::World::open) return;
    boundary_ = Time{};
    for (std::size_t other = 1; other < pcpus_.size(); ++other) {
        PolicyChoice& choice = config_.policy(Clock::kind);
        Params params = choice.params;
        pcpus_[other].clock = Registry<Clock>::create(choice.name, params);
    }
}

void Machine::switch_to(PcpuId pcpu) {
    if (pcpu == pcpu_) return;
    const bool has_own_clock = world() == Clock::World::closed;
    const auto exchange = [&](Parked& parked) {
        if (has_own_clock) std::swap(parked.clock, clock_);
        std::swap(parked.running, running_);
        std::swap(parked.retired, retired_);
    };
    exchange(pcpus_[pcpu_.raw]);
    exchange(pcpus_[pcpu.raw]);
    pcpu_ = pcpu;
    trace_.set_pcpu(pcpu);
}

Machine::Parked& Machine::here() { return pcpus_[pcpu_.raw]; }

Machine::End Machine::run_in_lockstep() {
    const Duration quantum = parameters_.quantum;
    while (true) {
        at_boundary();
        if (all_settled() && !outside_.wants_to_go_on()) return End::guests_ended;
        if (wants_stop()) return End::stopped;
        let_outside_in();
        const Time end = Time{(time().time_since_epoch() / quantum + 1) * quantum};
        const std::uint64_t wakes = wakes_;
        const bool was_busy = run_quantum(end);
        if (world() == Clock::World::closed) boundary_ = end;
        if (!was_busy && wakes_ == wakes && !sleep()) return End::stuck;
    }
}

/// Whoever asks something of the machine may change all of it.
void Machine::let_outside_in() {
    if (!outside_is_calling()) return;
    end_all_runs();
    give_outside_its_turn(Duration::zero());
}

/// On pCPU 0's turn.
void Machine::at_boundary() {
    for (Runner* const runner : std::exchange(late_wakes_, {})) wake(*runner);
    if (domain0_->is_scheduled()) domain0_->wake();
    let_go_of_the_dead();
    act_on_ends();
    const Time now = time();
    sample_if_due(now);
    timers_.run_due(now);
    inputs_.deliver_due(now);
    for (PcpuId pcpu{0}; pcpu < pcpus_end(); ++pcpu) run_scheduler_timer(pcpu, now);
    store_.deliver_native();
    work_at_once();
    preempt_kicked();
    if (replaces_scheduler_) replace_schedulers();
}

/// A domain that has ended, or was paused, keeps no pCPU.
void Machine::let_go_of_the_dead() {
    for (PcpuId pcpu{0}; pcpu < pcpus_end(); ++pcpu) {
        switch_to(pcpu);
        if (running_ == nullptr || running_->vcpu.is_runnable()) continue;
        const bool is_dead = running_->vcpu.domain().shutdown_reason().has_value();
        if (is_dead || !here().stops) end_run_at_boundary(Scheduler::Why::blocked);
    }
    switch_to(PcpuId{0});
}

void Machine::preempt_kicked() {
    for (PcpuId pcpu{0}; pcpu < pcpus_end(); ++pcpu) {
        if (!kicks_.asked(pcpu)) continue;
        switch_to(pcpu);
        if (running_ != nullptr && !here().stops) here().stops = Scheduler::Why::preempted;
    }
    switch_to(PcpuId{0});
    kicks_ = {};
}

/// False: all pCPUs idled.
bool Machine::run_quantum(Time end) {
    is_in_quantum_ = true;
    boundary_.reset();
    const bool was_busy = world() == Clock::World::closed ? run_by_time(end) : run_by_turns();
    is_in_quantum_ = false;
    switch_to(PcpuId{0});
    return was_busy;
}

/// The pCPU that is the furthest behind does the next step.
bool Machine::run_by_time(Time end) {
    bool was_busy = false;
    for (PcpuId pcpu{0}; pcpu < pcpus_end(); ++pcpu) {
        switch_to(pcpu);
        here().time = time();
        was_busy |= running_ != nullptr || here().stops;
    }
    while (const std::optional<PcpuId> next = furthest_behind(end)) {
        switch_to(*next);
        was_busy |= step(end);
        here().time = time();
    }
    return was_busy;
}

std::optional<PcpuId> Machine::furthest_behind(Time end) const {
    const bool is_at_its_end = has_retired_all();
    std::optional<PcpuId> furthest;
    for (PcpuId pcpu{0}; pcpu < pcpus_end(); ++pcpu) {
        const Parked& own = pcpus_[pcpu.raw];
        if (own.time >= end || (is_at_its_end && !own.stops)) continue;
        if (!furthest || own.time < pcpus_[furthest->raw].time) furthest = pcpu;
    }
    return furthest;
}

/// Time passes for all of them alike. Somebody outside who wants a stop gets it at the boundary.
bool Machine::run_by_turns() {
    bool was_busy = false;
    for (PcpuId pcpu{0}; pcpu < pcpus_end(); ++pcpu) {
        switch_to(pcpu);
        const Time end = time() + parameters_.quantum;
        while ((time() < end && !has_retired_all()) || here().stops) {
            if (!step(end)) break;
            was_busy = true;
        }
    }
    return was_busy;
}

/// Ends what the pCPU ran, or goes on with it, or begins with what is next. False: nothing is.
bool Machine::step(Time end) {
    Parked& own = here();
    if (own.stops) {
        end_run(*own.stops);
        return true;
    }
    if (running_ != nullptr) {
        own.stops = go_on(end);
        return true;
    }
    const Scheduler::Choice choice = pick();
    if (choice.vcpu != nullptr) {
        own.is_idle = false;
        begin_run(choice, end);
        return true;
    }
    if (!std::exchange(own.is_idle, true))
        trace_.note(trace::Event::idle, DomainId{trace::idle_domain});
    if (world() == Clock::World::closed) clock_->idle(retired_here(), end);
    return false;
}

void Machine::begin_run(const Scheduler::Choice& choice, Time end) {
    HV_CHECK(choice.slice > 0ns, "a scheduler gave an empty slice");
    Parked& own = here();
    const bool is_domain0 = choice.vcpu == &domain0_->view;
    const Time stopped = is_domain0 ? domain0_->stopped : runner_of(*choice.vcpu).stopped;
    // Whoever was stopped from outside, on a pCPU whose own time was later than the boundary.
    if (time() < stopped) clock_->idle(retired_here(), stopped);
    begin_turn(*choice.vcpu);
    trace_.note(trace::Event::run, choice.vcpu->domain, choice.vcpu->id,
                static_cast<std::uint64_t>(choice.slice.count()));
    own.began = time();
    if (is_domain0) {
        own.stops = work_as_domain0(std::max(1ns, std::min(choice.slice, end - own.began)));
        return;
    }
    Runner& runner = runner_of(*choice.vcpu);
    HV_CHECK(runner.place == Runner::Place::waiting, "a scheduler chose a vCPU that cannot run");
    own.slice_ends = own.began + choice.slice;
    own.retired_before = runner.vcpu.cpu.retired;
    retired_ -= runner.vcpu.cpu.retired;
    running_ = &runner;
    runner.place = Runner::Place::running;
    runner.pcpu = pcpu_;
    runner.vcpu.set_run_state(RunState::running, own.began);
}

/// Runs the vCPU to the end of the quantum, or until it is to stop.
std::optional<Scheduler::Why> Machine::go_on(Time end) {
    Vcpu& vcpu = running_->vcpu;
    const Time slice_ends = here().slice_ends;
    while (true) {
        vcpu.prepare_to_run();
        if (!vcpu.is_runnable()) return Scheduler::Why::blocked;
        if (time() >= slice_ends) return Scheduler::Why::slice_spent;
        if (time() >= end || has_retired_all()) return std::nullopt;
        const std::uint64_t budget =
            std::min(clock_->budget(retired_by_clock(), std::min(end, slice_ends)),
                     parameters_.stop_after - retired());
        const Exit exit = engine_->run(vcpu.cpu, vcpu.environment(), budget, run_end());
        const Domain::Next next = vcpu.domain().handle_exit(vcpu, exit);
        work_at_once();
        if (next == Domain::Next::yield && vcpu.is_runnable()) return Scheduler::Why::yielded;
    }
}

/// In the pCPU's own time, which may be later than the boundary.
void Machine::end_run_at_boundary(Scheduler::Why why) {
    const std::optional<Time> boundary = std::exchange(boundary_, std::nullopt);
    end_run(why);
    boundary_ = boundary;
}

/// The pCPU at its turn stops what it runs.
void Machine::end_run(Scheduler::Why why) {
    Parked& own = here();
    own.stops.reset();
    if (running_ == nullptr) return end_domain0(own.began, why);
    Runner& runner = *running_;
    const Time ended = time();
    const bool can_run = why != Scheduler::Why::blocked;
    runner.vcpu.set_run_state(can_run ? RunState::runnable : RunState::blocked, ended);
    runner.place = can_run ? Runner::Place::waiting : Runner::Place::out;
    runner.stopped = ended;
    retired_ += runner.vcpu.cpu.retired;
    running_ = nullptr;
    tell_stopped(runner, ended - own.began, why, runner.vcpu.cpu.retired - own.retired_before);
    by_id_.at(runner.view.domain)->guest.poll_back_ends();
    // Another pCPU may have got here later, and sent it an event before.
    if (!can_run) wake(runner);
}

/// Nobody runs on any pCPU. In a closed world of several this ends at a boundary.
void Machine::idle_to(Time time) {
    if (pcpus_.empty()) {
        clock_->idle(retired_here(), time);
        return;
    }
    const Duration quantum = parameters_.quantum;
    const Time boundary{(time.time_since_epoch() + quantum - 1ns) / quantum * quantum};
    for (PcpuId pcpu{0}; pcpu < pcpus_end(); ++pcpu) {
        switch_to(pcpu);
        clock_->idle(retired_here(), boundary);
    }
    boundary_ = boundary;
    switch_to(PcpuId{0});
}

}  // namespace ring3
