// SPDX-License-Identifier: MIT
// Round robin: who can run stands in one queue, the first gets the pCPU for a slice and goes to the
// end. Weights mean nothing to it. The baseline that every other policy is compared with.
#include <list>

#include "hv/base/params.hpp"
#include "hv/base/registry.hpp"
#include "hv/sched/scheduler.hpp"

namespace ring3 {
namespace {

using namespace std::chrono_literals;

class RoundRobin final : public Scheduler {
public:
    explicit RoundRobin(Params& params)
        : slice_(params.duration("slice_us", 10ms,
                                 "longest turn before the next vCPU is considered", 1us)) {}

    Promises promises() const override { return {.wait_per_other = Time{slice_}}; }

    void wake(Vcpu& vcpu, Time, Kicks&) override { queue_.push_back(&vcpu); }

    void stopped(Vcpu& vcpu, PcpuId, Duration, Why why, Time) override {
        if (why != Why::blocked) queue_.push_back(&vcpu);
    }

    Choice pick(PcpuId pcpu, Time) override {
        for (auto next = queue_.begin(); next != queue_.end(); ++next) {
            if (!(*next)->affinity.allows(pcpu)) continue;
            Vcpu* const vcpu = *next;
            queue_.erase(next);
            return {vcpu, slice_};
        }
        return {};
    }

    void leave(Vcpu& vcpu, Time) override { queue_.remove(&vcpu); }

private:
    const Duration slice_;
    std::list<Vcpu*> queue_;
};

const Registered<Scheduler, RoundRobin> entry{"round_robin", "equal turns in FIFO order"};

}  // namespace
}  // namespace ring3
