// SPDX-License-Identifier: MIT
// A vCPU's timers: single-shot, periodic, the deadline of a poll, and on vCPU 0 the domain's two
// watchdogs. The machine keeps one deadline for all of them, the earliest.
#include <algorithm>

#include "hv/abi/sched.hpp"
#include "hv/domain/domain.hpp"
#include "hv/domain/vcpu.hpp"

namespace ring3 {

std::optional<Time> Vcpu::next_deadline() const {
    std::optional<Time> earliest;
    for (const auto& each :
         {singleshot_, periodic_, poll_deadline_, watchdogs_[0], watchdogs_[1]}) {
        if (each && (!earliest || *each < *earliest)) earliest = each;
    }
    return earliest;
}

/// What is due already fires at once: Xen's timer interrupt would come before the guest's next
/// instruction.
void Vcpu::arm_timer(Time now) {
    if (domain_.shutdown_reason()) return;
    const std::optional<Time> deadline = next_deadline();
    if (deadline && *deadline <= now) {
        timer_expired(now);
    } else {
        domain_.hypervisor().set_timer(*this, deadline);
    }
}

void Vcpu::timer_expired(Time now) {
    if (domain_.shutdown_reason()) return;
    const auto is_due = [now](const std::optional<Time>& deadline) {
        return deadline && *deadline <= now;
    };
    if (is_due(watchdogs_[0]) || is_due(watchdogs_[1])) {
        domain_.shut_down(SHUTDOWN_watchdog);
        return;
    }
    bool raises = false;
    if (is_due(singleshot_)) {
        singleshot_.reset();
        raises = true;
    }
    if (is_due(periodic_)) {
        // Periods missed meanwhile are not made up for, and the next one starts now.
        periodic_ = now + period_;
        raises = true;
    }
    if (raises) domain_.events().raise_virq(*this, VIRQ_TIMER);
    if (is_due(poll_deadline_)) unblock();
    domain_.hypervisor().set_timer(*this, next_deadline());
}

void Vcpu::set_singleshot_timer(std::optional<Time> deadline, Time now) {
    singleshot_ = deadline;
    arm_timer(now);
}

void Vcpu::set_periodic_timer(Duration period, Time now) {
    period_ = period;
    periodic_.reset();
    if (period > Duration::zero()) periodic_ = now + period;
    arm_timer(now);
}

void Vcpu::set_watchdog(unsigned slot, std::optional<Time> deadline, Time now) {
    watchdogs_[slot] = deadline;
    arm_timer(now);
}

}  // namespace ring3
