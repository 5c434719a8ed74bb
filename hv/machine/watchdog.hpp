// SPDX-License-Identifier: MIT
// Watches that nobody starves: a vCPU that can run must get a pCPU within a time. It bites once;
// what follows is the machine's affair. Its timer changes nothing that a guest could see, and is
// not in the digest.
#pragma once

#include <deque>
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
    std::string dump(Who starving, Time since, Time now) const;

    const Duration limit_;
    std::function<void(const Bite&)> bite_;
    bool has_bitten_ = false;
    std::map<Who, Time> waits_since_;
    std::map<PcpuId, std::pair<Who, Time>> runs_since_;
    /// Who had a pCPU for how long and how often.
    struct Held {
        Duration time{};
        unsigned turns = 0;
        void add(Duration turn) {
            time += turn;
            ++turns;
        }
    };
    /// The turns that ended in an eighth of the limit or so.
    struct Span {
        Time from{};
        std::map<PcpuId, std::map<Who, Held>> held;
    };
    /// As many as are needed to look back by the limit.
    std::deque<Span> spans_;
    Span& span_at(Time now);
    TimerQueue::Timer timer_;
};

}  // namespace ring3
