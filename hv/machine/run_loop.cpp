// SPDX-License-Identifier: MIT
// The machine's run loop: pick a vCPU, run it for its slice or to the next event, do what is due,
// sleep when nobody can run. Time moves only inside of Engine::run and while asleep.
#include <algorithm>
#include <stdexcept>

#include <fmt/format.h>

#include "hv/abi/sched.hpp"
#include "hv/base/check.hpp"
#include "hv/base/errors.hpp"
#include "hv/base/registry.hpp"
#include "hv/machine/core_dump.hpp"
#include "hv/machine/runner.hpp"
#include "hv/sched/scheduler_error.hpp"

namespace ring3 {
namespace {

using namespace std::chrono_literals;

/// How often an open world is looked at, while a vCPU runs.
constexpr Duration look_every = 500us;

}  // namespace

Machine::End Machine::run() {
    check_recording();
    const End end = parameters_.pcpus > 1 ? run_in_lockstep() : run_on_one_pcpu();
    if (starved_ && parameters_.on_starvation == MachineParameters::OnStarvation::stop)
        throw SchedulerError{fmt::format("the scheduler {} starves a vCPU: {}",
                                         config_.policy(Scheduler::kind).name, starved_->dump)};
    return end;
}

Machine::End Machine::run_on_one_pcpu() {
    while (true) {
        act_on_ends();
        if (all_settled() && !outside_.wants_to_go_on()) return End::guests_ended;
        if (wants_stop()) return End::stopped;
        if (inputs_.accepts() && next_look_ <= time()) give_outside_its_turn(Duration::zero());

        do_what_is_due();
        work_at_once();
        if (replaces_scheduler_) replace_schedulers();
        const Scheduler::Choice choice = pick();
        if (choice.vcpu == nullptr) {
            note_idle();
            if (!sleep()) return End::stuck;
            continue;
        }
        is_idle_ = false;
        HV_CHECK(choice.slice > 0ns, "a scheduler gave an empty slice");
        begin_turn(*choice.vcpu);
        trace_.note(trace::Event::run, choice.vcpu->domain, choice.vcpu->id,
                    static_cast<std::uint64_t>(choice.slice.count()));
        if (choice.vcpu == &domain0_->view)
            run_domain0(choice.slice);
        else
            run_slice(runner_of(*choice.vcpu), choice.slice);
    }
}

/// What the pCPU at its turn is to run. A free one idles.
Scheduler::Choice Machine::pick() {
    CpuPool* const pool = pools_.of(pcpu_);
    return pool == nullptr ? Scheduler::Choice{} : pool->scheduler->pick(pcpu_, time());
}

Time Machine::next_event(PcpuId pcpu) {
    CpuPool* const pool = pools_.of(pcpu);
    return pool == nullptr ? never : pool->scheduler->next_event(pcpu);
}

void Machine::run_slice(Runner& runner, Duration slice) {
    HV_CHECK(runner.place == Runner::Place::waiting, "a scheduler chose a vCPU that cannot run");
    const Time began = time();
    const std::uint64_t retired_before = runner.vcpu.cpu.retired;
    // From here on retired() adds the vCPU's own counter.
    retired_ -= runner.vcpu.cpu.retired;
    running_ = &runner;
    runner.place = Runner::Place::running;
    runner.pcpu = pcpu_;
    runner.vcpu.set_run_state(RunState::running, began);
    kicks_ = {};

    const Scheduler::Why why = run_until(runner, began + slice);

    const Time ended = time();
    const bool can_run = why != Scheduler::Why::blocked;
    runner.vcpu.set_run_state(can_run ? RunState::runnable : RunState::blocked, ended);
    runner.place = can_run ? Runner::Place::waiting : Runner::Place::out;
    retired_ += runner.vcpu.cpu.retired;
    running_ = nullptr;
    tell_stopped(runner, ended - began, why, runner.vcpu.cpu.retired - retired_before);
    by_id_.at(runner.view.domain)->guest.poll_back_ends();
}

/// What it costs to go over to this vCPU.
void Machine::begin_turn(const sched::Vcpu& view) {
    turns_.begin(*clock_, retired_here(), pcpu_, view);
    watchdog_.runs(view, pcpu_, time());
}

/// Called by a timer, so perhaps while a vCPU runs: what is to be done waits for its end.
void Machine::starve(const Watchdog::Bite& bite) {
    starved_ = bite;
    if (parameters_.on_starvation == MachineParameters::OnStarvation::stop) return;
    say(LogLevel::warning, fmt::format("goes on under round_robin: {}", bite.dump));
    replaces_scheduler_ = true;
    for (PcpuId pcpu{0}; pcpu < pcpus_end(); ++pcpu) kicks_.kick(pcpu);
}

/// No vCPU runs.
void Machine::replace_schedulers() {
    replaces_scheduler_ = false;
    for (CpuPool& pool : pools_.all()) set_scheduler(pool, {"round_robin", Params("scheduler")});
}

void Machine::tell_stopped(ScheduledVcpu& vcpu, Duration ran, Scheduler::Why why,
                           std::uint64_t retired) {
    trace_.note(trace::Event::stop, vcpu.view.domain, vcpu.view.id,
                static_cast<std::uint64_t>(ran.count()), static_cast<std::uint64_t>(why), retired);
    turns_.end(*clock_, retired_here(), pcpu_, vcpu.view, ran);
    watchdog_.stopped(vcpu.view, pcpu_, why != Scheduler::Why::blocked, time());
    vcpu.pool->scheduler->stopped(vcpu.view, pcpu_, ran, why, time());
}

/// Once, however often the scheduler has nobody.
void Machine::note_idle() {
    if (is_idle_) return;
    is_idle_ = true;
    trace_.note(trace::Event::idle, DomainId{trace::idle_domain});
}

/// Runs the vCPU until something else has to be considered.
Scheduler::Why Machine::run_until(Runner& runner, Time end) {
    Vcpu& vcpu = runner.vcpu;
    Domain& domain = vcpu.domain();
    while (true) {
        vcpu.prepare_to_run();
        if (!vcpu.is_runnable()) return Scheduler::Why::blocked;
        const Time began = time();
        if (began >= end) return Scheduler::Why::slice_spent;
        if (kicks_.asked(pcpu_) || wants_stop() || outside_is_calling())
            return Scheduler::Why::preempted;

        const Time deadline =
            std::min({end, timers_.next(), next_event(pcpu_), next_look(began), inputs_.next()});
        const std::uint64_t budget = std::min(clock_->budget(retired_by_clock(), deadline),
                                              parameters_.stop_after - retired());
        const Exit exit = engine_->run(vcpu.cpu, vcpu.environment(), budget, run_end());
        const Domain::Next next = domain.handle_exit(vcpu, exit);
        do_what_is_due();
        work_at_once();
        if (next == Domain::Next::yield && vcpu.is_runnable()) return Scheduler::Why::yielded;
        // Whoever blocked may have been woken by what was due.
        if (!vcpu.is_runnable()) return Scheduler::Why::blocked;
    }
}

RunEnd Machine::run_end() const {
    return world() == Clock::World::open ? RunEnd::near : RunEnd::exact;
}

bool Machine::wants_stop() {
    if (has_retired_all() || inputs_.is_at_end(time())) return true;
    if (starved_ && parameters_.on_starvation == MachineParameters::OnStarvation::stop) return true;
    if (!outside_.wants_stop()) return false;
    inputs_.ask_for_end();
    // The end of a recorded run is a moment of its own, a little later.
    return inputs_.mode() != OutsideInputs::Mode::recorded;
}

Time Machine::next_look(Time now) const {
    return world() == Clock::World::open ? std::max(next_look_, now) : never;
}

void Machine::run_scheduler_timer(PcpuId pcpu, Time now) {
    if (next_event(pcpu) <= now) pools_.of(pcpu)->scheduler->timer(pcpu, now, kicks_);
}

void Machine::do_what_is_due() {
    const Time now = time();
    sample_if_due(now);
    timers_.run_due(now);
    inputs_.deliver_due(now);
    run_scheduler_timer(pcpu_, now);
    store_.deliver_native();
}

/// Looks for what came from outside. A turn for it needs the end of the slice, which a recorded run
/// must not owe to the host.
bool Machine::outside_is_calling() {
    const Time now = time();
    if (world() != Clock::World::open || next_look_ > now) return false;
    const bool is_calling = host_poll_.is_calling();
    // Else run() gives the turn.
    if (!is_calling) next_look_ = now + look_every;
    return is_calling;
}

void Machine::give_outside_its_turn(Duration at_most) {
    host_poll_.poll(at_most);
    next_look_ = time() + look_every;
}

/// The scheduler has nobody to run. False: and never will have.
bool Machine::sleep() {
    // What a back end does unasked may wake somebody.
    const std::uint64_t wakes = wakes_;
    for (Member& member : members_) member.guest.poll_back_ends();
    store_.deliver_native();
    if (wakes_ != wakes || domain0_->has_work()) return true;

    Time next = std::min(timers_.next(), inputs_.next());
    for (PcpuId pcpu{0}; pcpu < pcpus_end(); ++pcpu) next = std::min(next, next_event(pcpu));
    if (next == never && !inputs_.accepts()) return false;
    rest_until(next);
    return true;
}

void Machine::rest_until(Time next) {
    if (world() == Clock::World::closed && pacer_ == nullptr) return idle_to(next);
    if (pacer_ == nullptr) {
        const Duration rest = clock_->idle(retired_by_clock(), next);
        if (rest > 0ns) give_outside_its_turn(rest);
        return;
    }
    // Virtual time goes on by what the host's clock says was slept; the record holds it in the
    // times of the inputs.
    const Time now = time();
    const auto read_pacer = [this] {
        pacer_->idle(0, never);  // nothing retires meanwhile, which it would take for no time
        return pacer_->now(0);
    };
    const Time began = read_pacer();
    host_poll_.poll(next == never ? Duration::max() : next - now);
    clock_->idle(retired_by_clock(), std::min(next, now + (read_pacer() - began)));
    next_look_ = time() + look_every;
}

bool Machine::all_settled() const {
    return std::all_of(members_.begin(), members_.end(),
                       [](const Member& member) { return member.is_settled; });
}

void Machine::act_on_ends() {
    for (Member& member : members_) {
        if (member.is_settled || member.guest.is_alive()) continue;
        member.guest.poll_back_ends();
        act_on_end(member, member.guest.shutdown_reason().value_or(SHUTDOWN_poweroff));
    }
}

void Machine::dump_core(Member& member) {
    const std::string& name = member.guest.name();
    if (core_folder_.empty())
        return say(LogLevel::warning, fmt::format("{}: there is no folder for cores", name));
    Domain& domain = *member.guest.domain();
    const auto date = clock_->date_at_start() + time().time_since_epoch();
    const std::filesystem::path path = core_folder_ / core_file_name(name, domain.id(), date);
    try {
        write_core(domain, path);
        say(LogLevel::warning, fmt::format("{}: its core is {}", name, path.string()));
    } catch (const EnvironmentError& error) {
        say(LogLevel::error, fmt::format("{}: no core is written: {}", name, error.what()));
    }
}

void Machine::act_on_end(Member& member, std::uint32_t reason) {
    const DomainConfig& config = member.guest.spec().config;
    OnShutdown action = config.on_poweroff;
    if (reason == SHUTDOWN_reboot) action = config.on_reboot;
    if (reason == SHUTDOWN_crash) action = config.on_crash;
    if (reason == SHUTDOWN_watchdog) action = config.on_watchdog;

    if (action == OnShutdown::coredump_destroy || action == OnShutdown::coredump_restart)
        dump_core(member);
    member.is_settled = true;
    switch (action) {
        case OnShutdown::coredump_restart:
        case OnShutdown::restart:
            end(member);
            start_again(member);
            break;
        case OnShutdown::rename_restart: {
            // The old one stays for whoever looks into it; its name is the new one's.
            GuestSpec spec = member.guest.spec();
            member.guest.rename(fmt::format("{}-{}", config.name, last_id_.raw));
            try {
                add_guest(std::move(spec));
            } catch (const std::runtime_error& error) {
                say_not_started_again(member, error);
            }
            break;
        }
        case OnShutdown::destroy:
        case OnShutdown::coredump_destroy:
            // The last of all stays as it is: its state is the run's result (digest()).
            if (outside_.wants_to_go_on() || !all_settled()) end(member);
            break;
        case OnShutdown::preserve:
            break;
    }
}

}  // namespace ring3
