// SPDX-License-Identifier: MIT
// First in, first out: who has the CPU keeps it until it blocks or yields. Batch order, and what a
// fixed-priority real-time class does among equals (POSIX.1, SCHED_FIFO). Who spins starves all
// others.
#include <list>

#include "hv/base/params.hpp"
#include "hv/base/registry.hpp"
#include "hv/sched/scheduler.hpp"

namespace ring3 {
namespace {

/// Nobody runs so long; far from overflow when added to a time.
constexpr Duration without_end = std::chrono::hours{24 * 365};

class Fifo final : public Scheduler {
public:
    explicit Fifo(Params&) {}

    Promises promises() const override { return {.is_even_handed = false}; }

    void wake(Vcpu& vcpu, Time, Kicks&) override { queue_.push_back(&vcpu); }

    /// Whoever was only interrupted is still the first.
    void stopped(Vcpu& vcpu, PcpuId, Duration, Why why, Time) override {
        if (why == Why::yielded) queue_.push_back(&vcpu);
        if (why == Why::preempted || why == Why::slice_spent) queue_.push_front(&vcpu);
    }

    Choice pick(PcpuId pcpu, Time) override {
        for (auto next = queue_.begin(); next != queue_.end(); ++next) {
            if (!(*next)->affinity.allows(pcpu)) continue;
            Vcpu* const vcpu = *next;
            queue_.erase(next);
            return {vcpu, without_end};
        }
        return {};
    }

    void leave(Vcpu& vcpu, Time) override { queue_.remove(&vcpu); }

private:
    std::list<Vcpu*> queue_;
};

const Registered<Scheduler, Fifo> entry{"fifo", "runs each until it blocks, in order of arrival"};

}  // namespace
}  // namespace ring3
