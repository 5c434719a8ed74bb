// SPDX-License-Identifier: MIT
// Stride scheduling: a vCPU's pass moves on by its stride, which is the inverse of its weight, for
// each quantum that it runs; the smallest pass is next. (Waldspurger and Weihl, "Stride Scheduling:
// Deterministic Proportional-Share Resource Management", MIT/LCS/TM-528, 1995: with its global pass
// for those that leave and come back, and strides in proportion for quanta not used up.)
#include <algorithm>
#include <vector>

#include "hv/base/params.hpp"
#include "hv/base/registry.hpp"
#include "hv/sched/scheduler.hpp"

namespace ring3 {
namespace {

using namespace std::chrono_literals;

/// Passes are 128 bits: the stride of the smallest weight times nanoseconds leaves 64 in a day.
__extension__ using Pass = __int128;

/// The stride of weight 1, by the nanosecond. Divided by a weight of 16 bits it keeps 16 bits.
constexpr std::int64_t stride_of_one = std::int64_t{1} << 32;

struct Client final : sched::PolicyData {
    /// Of who waits; of who sleeps, relative to the global pass.
    Pass pass = 0;
};

class Stride final : public Scheduler {
public:
    explicit Stride(Params& params)
        : quantum_(params.duration("quantum_us", 10ms, "how long the next one runs", 1us)) {}

    Promises promises() const override {
        return {.follows_weights = true, .wait_per_other = Time{quantum_ * 2}};
    }

    void join(Vcpu& vcpu, Time) override { vcpu.data = std::make_unique<Client>(); }

    void wake(Vcpu& vcpu, Time, Kicks&) override {
        weights_ += vcpu.params.weight;
        Pass& pass = vcpu.own<Client>().pass;
        // Who was behind when it fell asleep gains nothing from having slept.
        pass = global_pass_ + std::max<Pass>(pass, 0);
        waiting_.push_back(&vcpu);
    }

    void stopped(Vcpu& vcpu, PcpuId, Duration ran, Why why, Time) override {
        Pass& pass = vcpu.own<Client>().pass;
        pass += Pass{ran.count()} * (stride_of_one / vcpu.params.weight);
        if (weights_ != 0) global_pass_ += Pass{ran.count()} * stride_of_one / weights_;
        if (why != Why::blocked) return waiting_.push_back(&vcpu);
        pass -= global_pass_;
        weights_ -= vcpu.params.weight;
    }

    /// Of equal passes, whoever has waited longest.
    Choice pick(PcpuId pcpu, Time) override {
        auto best = waiting_.end();
        for (auto it = waiting_.begin(); it != waiting_.end(); ++it) {
            if (!(*it)->affinity.allows(pcpu)) continue;
            if (best == waiting_.end() || pass_of(**it) < pass_of(**best)) best = it;
        }
        if (best == waiting_.end()) return {};
        Vcpu* const vcpu = *best;
        waiting_.erase(best);
        return {vcpu, quantum_};
    }

    void leave(Vcpu& vcpu, Time) override {
        if (std::erase(waiting_, &vcpu) != 0) weights_ -= vcpu.params.weight;
    }

    void adjust(Vcpu& vcpu, const SchedParams& next, Time) override {
        if (std::ranges::find(waiting_, &vcpu) == waiting_.end()) return;
        weights_ += Pass{next.weight} - Pass{vcpu.params.weight};
    }

private:
    static Pass pass_of(Vcpu& vcpu) { return vcpu.own<Client>().pass; }

    const Duration quantum_;
    std::vector<Vcpu*> waiting_;
    /// Of all that can run.
    Pass weights_ = 0;
    Pass global_pass_ = 0;
};

const Registered<Scheduler, Stride> entry{"stride", "proportional shares, deterministically"};

}  // namespace
}  // namespace ring3
