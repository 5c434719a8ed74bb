// SPDX-License-Identifier: MIT
#include "hv/sched/check/simulation.hpp"

#include <algorithm>

#include "hv/sched/scheduler_error.hpp"

namespace ring3::sched {

Simulation::Simulation(const std::string& name, std::uint32_t pcpus, Params params)
    : params_(std::move(params)),
      scheduler_(Registry<Scheduler>::create(name, params_)),
      pcpus_(pcpus) {
    for (std::uint32_t pcpu = 0; pcpu < pcpus; ++pcpu) call().add_pcpu(PcpuId{pcpu}, time());
}

Simulation::~Simulation() {
    for (Member& member : members_)
        if (!member.has_left) remove(member);
}

Simulation::Member& Simulation::add(std::uint16_t domain, const SchedParams& given, Plan plan,
                                    Duration starts) {
    std::uint32_t id = 0;
    for (const Member& other : members_)
        if (other.view.domain.raw == domain) id = other.view.id.raw + 1;
    Member& member = members_.emplace_back();
    member.view.domain = DomainId{domain};
    member.view.id = VcpuId{id};
    member.view.params = given;
    member.plan = std::move(plan);
    call().join(member.view, time());
    member.wakes_at = std::max(starts, now_);
    return member;
}

void Simulation::remove(Member& member) {
    if (member.pcpu) stop(*member.pcpu, Scheduler::Why::preempted);
    call().leave(member.view, time());
    member.view.data.reset();
    member.can_run = false;
    member.has_left = true;
    member.wakes_at.reset();
}

void Simulation::set_params(Member& member, const SchedParams& next) {
    if (member.pcpu) stop(*member.pcpu, Scheduler::Why::preempted);
    call().adjust(member.view, next, time());
    member.view.params = next;
}

void Simulation::set_affinity(Member& member, Affinity next) {
    if (member.pcpu) stop(*member.pcpu, Scheduler::Why::preempted);
    member.view.affinity = next;
    call().adjust(member.view, member.view.params, time());
}

void Simulation::run_until(Duration end) {
    while (now_ < end && wrongs_.empty()) {
        wake_due();
        call_timers();
        stop_those_who_must();
        fill();
        const Duration next = std::min(next_time(), end);
        if (next <= now_) {
            // Something is due at once; it must not go on so for ever.
            if (++at_once_ > 1000) return wrong("time stands still");
            continue;
        }
        at_once_ = 0;
        for (std::uint32_t pcpu = 0; pcpu < pcpus_.size(); ++pcpu)
            if (pcpus_[pcpu].running == nullptr && somebody_waits_for(pcpu)) wasted += next - now_;
        now_ = next;
    }
    for (std::uint32_t pcpu = 0; pcpu < pcpus_.size(); ++pcpu)
        if (pcpus_[pcpu].running != nullptr) stop(pcpu, Scheduler::Why::preempted);
}

void Simulation::wake_due() {
    for (Member& member : members_) {
        if (!member.wakes_at || *member.wakes_at > now_) continue;
        member.wakes_at.reset();
        member.can_run = true;
        member.can_run_since = now_;
        member.left = std::max(member.plan.computes(), Duration{1});
        ++member.wakes;
        call().wake(member.view, time(), kicks_);
    }
}

void Simulation::call_timers() {
    for (std::uint32_t pcpu = 0; pcpu < pcpus_.size(); ++pcpu)
        if (scheduler_->next_event(PcpuId{pcpu}) <= time())
            call().timer(PcpuId{pcpu}, time(), kicks_);
}

void Simulation::stop_those_who_must() {
    for (std::uint32_t pcpu = 0; pcpu < pcpus_.size(); ++pcpu) {
        const Pcpu& at = pcpus_[pcpu];
        if (at.running == nullptr) continue;
        const Duration ran = now_ - at.since;
        auto why = Scheduler::Why::slice_spent;
        if (ran >= at.running->left)
            why = Scheduler::Why::blocked;
        else if (at.running == yields_)
            why = Scheduler::Why::yielded;
        else if (now_ >= at.slice_ends)
            why = Scheduler::Why::slice_spent;
        else if (kicks_.asked(PcpuId{pcpu}))
            why = Scheduler::Why::preempted;
        else
            continue;
        stop(pcpu, why);
    }
    kicks_ = {};
    yields_ = nullptr;
}

void Simulation::stop(std::uint32_t pcpu, Scheduler::Why why) {
    Pcpu& at = pcpus_[pcpu];
    Member& member = *at.running;
    const Duration ran = now_ - at.since;
    member.used += ran;
    member.left -= std::min(ran, member.left);
    member.pcpu.reset();
    at.running = nullptr;
    turns.push_back({pcpu, member.view.domain.raw, member.view.id.raw, at.since, now_});
    if (why == Scheduler::Why::blocked) {
        member.can_run = false;
        member.wakes_at = now_ + member.plan.sleeps();
    }
    member.can_run_since = now_;
    call().stopped(member.view, PcpuId{pcpu}, ran, why, time());
}

/// Each pCPU that runs nobody picks.
void Simulation::fill() {
    for (std::uint32_t pcpu = 0; pcpu < pcpus_.size(); ++pcpu) {
        Pcpu& at = pcpus_[pcpu];
        if (at.running != nullptr) continue;
        Scheduler::Choice choice;
        try {
            choice = call().pick(PcpuId{pcpu}, time());
        } catch (const SchedulerError& error) {
            return wrong(error.what());
        }
        if (choice.vcpu == nullptr) continue;
        const auto found = std::ranges::find_if(
            members_, [&](const Member& each) { return &each.view == choice.vcpu; });
        if (found == members_.end() || found->has_left) return wrong("it picked nobody's vCPU");
        if (!found->can_run) wrong("it picked one that cannot run");
        if (found->pcpu) wrong("it picked one that runs elsewhere");
        if (!found->view.affinity.allows(PcpuId{pcpu})) wrong("it picked against an affinity");
        if (choice.slice <= Duration::zero()) wrong("it gave an empty slice");
        if (!wrongs_.empty()) return;
        found->longest_wait = std::max(found->longest_wait, now_ - found->can_run_since);
        found->pcpu = pcpu;
        at = {&*found, now_, now_ + std::min(choice.slice, for_ever)};
    }
}

Duration Simulation::next_time() {
    Duration next = for_ever;
    for (const Member& member : members_)
        if (member.wakes_at) next = std::min(next, *member.wakes_at);
    for (std::uint32_t pcpu = 0; pcpu < pcpus_.size(); ++pcpu) {
        const Time event = scheduler_->next_event(PcpuId{pcpu});
        if (event != never) next = std::min(next, event.time_since_epoch());
        const Pcpu& at = pcpus_[pcpu];
        if (at.running != nullptr)
            next = std::min({next, at.slice_ends, at.since + at.running->left});
    }
    return next;
}

bool Simulation::somebody_waits_for(std::uint32_t pcpu) const {
    return std::ranges::any_of(members_, [&](const Member& each) {
        return each.can_run && !each.pcpu && each.view.affinity.allows(PcpuId{pcpu});
    });
}

}  // namespace ring3::sched
