// SPDX-License-Identifier: MIT
// Several pCPUs on one thread of the host, one after the other, each for a quantum. What crosses
// pCPUs is seen at the boundary behind the last one's quantum, in the order of pCPUs: wakes,
// timers, devices, outside input, the scheduler's timers and kicks. Guest memory is the one
// exception: a store is seen by whoever reads after it.
//
// In virtual time each pCPU has a clock of its own, and quanta end at fixed multiples: all pCPUs do
// the same quantum of time. By the host's clock time passes for all while one of them runs, so each
// is as slow as if the host's thread were shared between machines.
//
// The pCPU at its turn has its state in the machine's own clock_, running_, retired_; the others'
// is parked.
#include <algorithm>
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

Machine::End Machine::run_in_lockstep() {
    const Duration quantum = parameters_.quantum;
    while (true) {
        at_boundary();
        if (all_settled() && !outside_.wants_to_go_on()) return End::guests_ended;
        if (wants_stop()) return End::stopped;
        let_outside_in();
        const Time end = Time{(time().time_since_epoch() / quantum + 1) * quantum};
        const std::uint64_t wakes = wakes_;
        if (!run_quantum(end) && wakes_ == wakes && !sleep()) return End::stuck;
    }
}

/// Whoever asks something of the machine may change all of it.
void Machine::let_outside_in() {
    if (!outside_is_calling()) return;
    end_all_runs();
    give_outside_its_turn(Duration::zero());
}

/// All pCPUs are at the same time, on pCPU 0's turn.
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
        if (running_ != nullptr && !running_->vcpu.is_runnable()) end_run(Scheduler::Why::blocked);
    }
    switch_to(PcpuId{0});
}

void Machine::preempt_kicked() {
    for (PcpuId pcpu{0}; pcpu < pcpus_end(); ++pcpu) {
        if (!kicks_.asked(pcpu)) continue;
        switch_to(pcpu);
        if (running_ != nullptr) end_run(Scheduler::Why::preempted);
    }
    switch_to(PcpuId{0});
    kicks_ = {};
}

/// False: all pCPUs idled.
bool Machine::run_quantum(Time end) {
    bool was_busy = false;
    is_in_quantum_ = true;
    for (PcpuId pcpu{0}; pcpu < pcpus_end(); ++pcpu) {
        switch_to(pcpu);
        const Time own_end = world() == Clock::World::closed ? end : time() + parameters_.quantum;
        was_busy |= run_pcpu(own_end);
    }
    is_in_quantum_ = false;
    switch_to(PcpuId{0});
    return was_busy;
}

bool Machine::run_pcpu(Time end) {
    bool was_busy = false;
    Parked& own = pcpus_[pcpu_.raw];
    // Somebody outside who wants a stop gets it at the boundary.
    while (time() < end && retired() < parameters_.stop_after) {
        if (running_ == nullptr) {
            const Scheduler::Choice choice = pick();
            if (choice.vcpu == nullptr) {
                if (!std::exchange(own.is_idle, true))
                    trace_.note(trace::Event::idle, DomainId{trace::idle_domain});
                if (world() == Clock::World::closed) clock_->idle(retired_here(), end);
                break;
            }
            own.is_idle = false;
            begin_run(choice, end);
        }
        was_busy = true;
        if (running_ != nullptr) go_on(end);
    }
    return was_busy;
}

void Machine::begin_run(const Scheduler::Choice& choice, Time end) {
    HV_CHECK(choice.slice > 0ns, "a scheduler gave an empty slice");
    begin_turn(*choice.vcpu);
    trace_.note(trace::Event::run, choice.vcpu->domain, choice.vcpu->id,
                static_cast<std::uint64_t>(choice.slice.count()));
    // A task of Domain-0 may exceed the quantum; its pCPU then waits for the others.
    if (choice.vcpu == &domain0_->view) return run_domain0(std::min(choice.slice, end - time()));
    Runner& runner = runner_of(*choice.vcpu);
    HV_CHECK(runner.place == Runner::Place::waiting, "a scheduler chose a vCPU that cannot run");
    Parked& own = pcpus_[pcpu_.raw];
    own.began = time();
    own.slice_ends = own.began + choice.slice;
    own.retired_before = runner.vcpu.cpu.retired;
    retired_ -= runner.vcpu.cpu.retired;
    running_ = &runner;
    runner.place = Runner::Place::running;
    runner.pcpu = pcpu_;
    runner.vcpu.set_run_state(RunState::running, own.began);
}

/// Runs the vCPU to the end of the quantum, or until it does not run any more.
void Machine::go_on(Time end) {
    Vcpu& vcpu = running_->vcpu;
    const Time slice_ends = pcpus_[pcpu_.raw].slice_ends;
    while (true) {
        vcpu.prepare_to_run();
        if (!vcpu.is_runnable()) return end_run(Scheduler::Why::blocked);
        if (time() >= slice_ends) return end_run(Scheduler::Why::slice_spent);
        if (time() >= end || retired() >= parameters_.stop_after) return;
        const std::uint64_t budget =
            std::min(clock_->budget(retired_by_clock(), std::min(end, slice_ends)),
                     parameters_.stop_after - retired());
        const Exit exit = engine_->run(vcpu.cpu, vcpu.environment(), budget, run_end());
        const Domain::Next next = vcpu.domain().handle_exit(vcpu, exit);
        work_at_once();
        if (next == Domain::Next::yield && vcpu.is_runnable())
            return end_run(Scheduler::Why::yielded);
    }
}

void Machine::end_run(Scheduler::Why why) {
    Runner& runner = *running_;
    const Time ended = time();
    const bool can_run = why != Scheduler::Why::blocked;
    runner.vcpu.set_run_state(can_run ? RunState::runnable : RunState::blocked, ended);
    runner.place = can_run ? Runner::Place::waiting : Runner::Place::out;
    retired_ += runner.vcpu.cpu.retired;
    running_ = nullptr;
    const Parked& own = pcpus_[pcpu_.raw];
    tell_stopped(runner, ended - own.began, why, runner.vcpu.cpu.retired - own.retired_before);
    by_id_.at(runner.view.domain)->guest.poll_back_ends();
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
    switch_to(PcpuId{0});
}

}  // namespace ring3
