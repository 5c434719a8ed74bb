// SPDX-License-Identifier: MIT
// Earliest eligible virtual deadline first (Stoica and Abdel-Wahab, "Earliest Eligible Virtual
// Deadline First: A Flexible and Accurate Mechanism for Proportional Share Resource Allocation",
// 1995; the fair class of Linux since 6.6 is of this kind). Each vCPU's virtual time advances by
// the inverse of its weight; who is not ahead of the weighted mean is eligible, and the eligible
// one whose request ends first, in virtual time, is next. Who sleeps keeps its lag, up to a
// request.
#include <algorithm>
#include <vector>

#include "hv/base/params.hpp"
#include "hv/base/registry.hpp"
#include "hv/sched/scheduler.hpp"

namespace ring3 {
namespace {

using namespace std::chrono_literals;

/// Virtual nanoseconds are those of weight 256.
using Virtual = std::int64_t;
constexpr std::int64_t usual_weight = 256;

struct Request final : sched::PolicyData {
    Virtual at = 0, deadline = 0;
    /// While it sleeps: how far it was behind the mean.
    Virtual lag = 0;
};

class Fair final : public Scheduler {
public:
    explicit Fair(Params& params)
        : slice_(params.duration("slice_us", 3ms, "what each requests at a time", 1us, 1s)),
          tick_(
              params.duration("check_us", 1ms, "how often the running one is compared", 1us, 1s)) {}

    Promises promises() const override {
        return {.follows_weights = true, .wait_per_other = Time{slice_ * 3}};
    }

    void join(Vcpu& vcpu, Time) override { vcpu.data = std::make_unique<Request>(); }

    void wake(Vcpu& vcpu, Time now, Kicks& kicks) override {
        Request& own = vcpu.own<Request>();
        own.at = mean(now) - own.lag;
        own.deadline = own.at + stretch(slice_, vcpu);
        waiting_.push_back(&vcpu);
        for (const Running& each : running_) {
            const Request& other = each.vcpu->own<Request>();
            if (!vcpu.affinity.allows(each.pcpu) || kicks.asked(each.pcpu)) continue;
            if (own.at > mean(now) || own.deadline >= other.deadline) continue;
            return kicks.kick(each.pcpu);
        }
    }

    void stopped(Vcpu& vcpu, PcpuId pcpu, Duration ran, Why why, Time now) override {
        Request& own = vcpu.own<Request>();
        std::erase_if(running_, [&](const Running& each) { return each.pcpu == pcpu; });
        own.at += stretch(ran, vcpu);
        const Virtual whole = stretch(slice_, vcpu);
        if (own.at >= own.deadline || why == Why::yielded) own.deadline = own.at + whole;
        waiting_.push_back(&vcpu);
        if (why != Why::blocked) return;
        own.lag = std::clamp(mean(now) - own.at, -whole, whole);
        waiting_.pop_back();
    }

    /// Of equal deadlines, whoever has waited longest.
    Choice pick(PcpuId pcpu, Time now) override {
        const Virtual middle = mean(now);
        Vcpu* best = nullptr;
        bool best_is_eligible = false;
        for (Vcpu* const each : waiting_) {
            if (!each->affinity.allows(pcpu)) continue;
            const Request& own = each->own<Request>();
            const bool is_eligible = own.at <= middle;
            if (best != nullptr && best_is_eligible && !is_eligible) continue;
            const bool is_better =
                best == nullptr || (is_eligible && !best_is_eligible) ||
                // Affinity may leave none that is eligible: then the one that is least ahead.
                (is_eligible ? own.deadline < best->own<Request>().deadline
                             : own.at < best->own<Request>().at);
            if (!is_better) continue;
            best = each;
            best_is_eligible = is_eligible;
        }
        if (best == nullptr) return {};
        std::erase(waiting_, best);
        running_.push_back({pcpu, best, now});
        const Request& own = best->own<Request>();
        const Duration left{(own.deadline - own.at) * best->params.weight / usual_weight};
        return {best,
                waiting_.empty() ? slice_ : std::clamp(left, std::min(tick_, slice_), slice_)};
    }

    void leave(Vcpu& vcpu, Time) override { std::erase(waiting_, &vcpu); }

private:
    struct Running {
        PcpuId pcpu;
        Vcpu* vcpu;
        Time since;
    };

    static Virtual stretch(Duration real, const Vcpu& vcpu) {
        return real.count() * usual_weight / vcpu.params.weight;
    }

    /// Of all that can run, by weight; where nobody can, where the last one stood.
    Virtual mean(Time now) {
        __extension__ using Wide = __int128;
        Wide sum = 0, weights = 0;
        const auto add = [&](const Vcpu& vcpu, Virtual at) {
            sum += Wide{at} * vcpu.params.weight;
            weights += vcpu.params.weight;
        };
        for (Vcpu* const each : waiting_) add(*each, each->own<Request>().at);
        for (const Running& each : running_)
            add(*each.vcpu, each.vcpu->own<Request>().at + stretch(now - each.since, *each.vcpu));
        if (weights != 0) last_mean_ = static_cast<Virtual>(sum / weights);
        return last_mean_;
    }

    const Duration slice_, tick_;
    std::vector<Vcpu*> waiting_;
    std::vector<Running> running_;
    Virtual last_mean_ = 0;
};

const Registered<Scheduler, Fair> entry{"fair", "earliest eligible virtual deadline first"};

}  // namespace
}  // namespace ring3
