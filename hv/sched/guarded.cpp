// SPDX-License-Identifier: MIT
#include "hv/sched/guarded.hpp"

#include <algorithm>
#include <exception>

#include <fmt/format.h>

#include "hv/base/check.hpp"
#include "hv/sched/scheduler_error.hpp"

namespace ring3::sched {
namespace {

/// As often in a row may a pCPU's timer be due again at once.
constexpr unsigned most_overdue = 100;

}  // namespace

Guarded::Known& Guarded::known(const Vcpu& vcpu) {
    const auto found = std::ranges::find(known_, &vcpu, &Known::vcpu);
    HV_CHECK(found != known_.end(), "the machine tells of a vCPU that never joined");
    return *found;
}

void Guarded::fail(std::string what) {
    if (!fault_) fault_ = fmt::format("the scheduler {} {}", name_, what);
}

void Guarded::attempt(const char* call, const std::function<void()>& action) {
    if (fault_) return;
    try {
        action();
    } catch (const std::exception& error) {
        fail(fmt::format("threw in {}(): {}", call, error.what()));
    } catch (...) {
        fail(fmt::format("threw in {}()", call));
    }
}

void Guarded::add_pcpu(PcpuId pcpu, Time now) {
    attempt("add_pcpu", [&] { scheduler_->add_pcpu(pcpu, now); });
}

void Guarded::wake(Vcpu& vcpu, Time now, Kicks& kicks) {
    known(vcpu).can_run = true;
    attempt("wake", [&] { scheduler_->wake(vcpu, now, kicks); });
}

void Guarded::stopped(Vcpu& vcpu, PcpuId pcpu, Duration ran, Why why, Time now) {
    Known& of = known(vcpu);
    of.runs = false;
    of.can_run = why != Why::blocked;
    attempt("stopped", [&] { scheduler_->stopped(vcpu, pcpu, ran, why, now); });
}

void Guarded::check(const Choice& choice, PcpuId pcpu) {
    if (choice.vcpu == nullptr) return;
    const auto found = std::ranges::find(known_, choice.vcpu, &Known::vcpu);
    if (found == known_.end()) return fail("picked a vCPU that does not exist");
    const auto refuse = [&](const char* what) {
        fail(fmt::format("picked d{}v{} for pCPU {}, {}", choice.vcpu->domain.raw,
                         choice.vcpu->id.raw, pcpu.raw, what));
    };
    if (!found->can_run) return refuse("which cannot run");
    if (found->runs) return refuse("which runs elsewhere");
    if (!choice.vcpu->affinity.allows(pcpu)) return refuse("which its affinity forbids");
    if (choice.slice <= Duration::zero()) return refuse("for no time");
    found->runs = true;
}

Scheduler::Choice Guarded::pick(PcpuId pcpu, Time now) {
    Choice choice;
    attempt("pick", [&] { choice = scheduler_->pick(pcpu, now); });
    if (!fault_) check(choice, pcpu);
    if (fault_) throw SchedulerError(*fault_);
    return choice;
}

void Guarded::join(Vcpu& vcpu, Time now) {
    known_.push_back({&vcpu});
    attempt("join", [&] { scheduler_->join(vcpu, now); });
}

void Guarded::leave(Vcpu& vcpu, Time now) {
    attempt("leave", [&] { scheduler_->leave(vcpu, now); });
    std::erase_if(known_, [&](const Known& each) { return each.vcpu == &vcpu; });
    // Its destructor is in the shared object, which the vCPU may outlive.
    vcpu.data.reset();
}

void Guarded::adjust(Vcpu& vcpu, const SchedParams& params, Time now) {
    attempt("adjust", [&] { scheduler_->adjust(vcpu, params, now); });
}

Time Guarded::next_event(PcpuId pcpu) {
    Time next = never;
    attempt("next_event", [&] { next = scheduler_->next_event(pcpu); });
    return fault_ ? Time{} : next;
}

void Guarded::timer(PcpuId pcpu, Time now, Kicks& kicks) {
    attempt("timer", [&] { scheduler_->timer(pcpu, now, kicks); });
    // Else a vCPU would run an instruction at a time.
    overdue_ = next_event(pcpu) <= now ? overdue_ + 1 : 0;
    if (overdue_ > most_overdue)
        fail(fmt::format("has its next event of pCPU {} in the past, again and again", pcpu.raw));
    if (fault_) kicks.kick(pcpu);
}

}  // namespace ring3::sched
