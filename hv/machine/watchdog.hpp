// SPDX-License-Identifier: MIT
// Watches that nobody starves: a vCPU that can run must get a pCPU within a time. It bites once;
// what follows is the machine's affair. Its timer changes nothing that a guest could see, and is
// not in the digest.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <utility>

#include "hv/base/timer_queue.hpp"
#include "hv/sched/vcpu.hpp"

namespace ring3 {

class Watchdog final {
public:
    struct Bite {
        std::string who;  ///< "d2v0"
        Time at{};
        /// For people: who waits since when, and who had which pCPU meanwhile.
        std::string dump;
    };

    /// A limit of zero: it never bites, and nothing is kept.
    Watchdog(TimerQueue& timers, Duration limit, std::function<void(const Bite&)> bite);

    /// It can run, and does not.
    void waits(const sched::Vcpu& vcpu, Time now);
    void runs(const sched::Vcpu& vcpu, PcpuId pcpu, Time now);
    /// It does not run any more; if it still can, it waits from now on.
    void stopped(const sched::Vcpu& vcpu, PcpuId pcpu, bool can_run, Time now);
    void forget(DomainId domain);

private:
    using Who = std::pair<DomainId, VcpuId>;
    static Who who(const sched::Vcpu& vcpu) { return {vcpu.domain, vcpu.id}; }

    void look(Time now);
    void look_again_at(Time when, Time now);
    std::string dump(Who starving, Time since, Time now) const;

    const Duration limit_;
    std::function<void(const Bite&)> bite_;
    bool has_bitten_ = false;
    std::map<Who, Time> waits_since_;
    std::map<PcpuId, std::pair<Who, Time>> runs_since_;
    /// Who had which pCPU for how long and how often since the timer was set last.
    struct Held {
        Duration time{};
        unsigned turns = 0;
    };
    std::map<PcpuId, std::map<Who, Held>> held_;
    Time held_from_{};
    TimerQueue::Timer timer_;
};

}  // namespace ring3
