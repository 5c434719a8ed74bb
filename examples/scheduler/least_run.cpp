// SPDX-License-Identifier: MIT
// Whoever ran least so far goes next, for one slice: the idea of feedback schedulers since
// Corbato's CTSS (1962), without their queues. A scheduler outside of ring3's tree: see the README
// here.
#include <algorithm>
#include <chrono>
#include <memory>
#include <vector>

#include "hv/sched/plug_in.hpp"

namespace {

using namespace std::chrono_literals;
using ring3::Duration;
using ring3::Kicks;
using ring3::Params;
using ring3::PcpuId;
using ring3::Time;

struct Account final : ring3::sched::PolicyData {
    Duration ran{};
};

class LeastRun final : public ring3::Scheduler {
public:
    explicit LeastRun(Params& params)
        : slice_(params.duration("slice_us", 5ms, "longest turn before others are looked at", 1us,
                                 10s)) {}

    Promises promises() const override { return {.wait_per_other = Time{slice_ * 2}}; }

    void join(Vcpu& vcpu, Time) override { vcpu.data = std::make_unique<Account>(); }
    void leave(Vcpu& vcpu, Time) override { std::erase(waiting_, &vcpu); }

    /// Who slept has no claim to the time that it did not use.
    void wake(Vcpu& vcpu, Time, Kicks&) override {
        Duration& ran = vcpu.own<Account>().ran;
        ran = std::max(ran, least_);
        waiting_.push_back(&vcpu);
    }

    void stopped(Vcpu& vcpu, PcpuId, Duration ran, Why why, Time) override {
        vcpu.own<Account>().ran += ran;
        if (why != Why::blocked) waiting_.push_back(&vcpu);
    }

    /// Of equals, who waits longest: the order of waiting_ is that of their coming.
    Choice pick(PcpuId pcpu, Time) override {
        auto best = waiting_.end();
        for (auto it = waiting_.begin(); it != waiting_.end(); ++it) {
            if (!(*it)->affinity.allows(pcpu)) continue;
            if (best == waiting_.end() || ran(**it) < ran(**best)) best = it;
        }
        if (best == waiting_.end()) return {};
        Vcpu* const chosen = *best;
        waiting_.erase(best);
        least_ = std::max(least_, ran(*chosen));
        return {chosen, slice_};
    }

private:
    static Duration ran(Vcpu& vcpu) { return vcpu.own<Account>().ran; }

    const Duration slice_;
    std::vector<Vcpu*> waiting_;
    /// What the last one chosen had run: where the others are, but for a slice.
    Duration least_{};
};

}  // namespace

const ring3::sched::PlugIn ring3_scheduler =
    ring3::sched::plug_in<LeastRun>("who ran least so far goes next");
