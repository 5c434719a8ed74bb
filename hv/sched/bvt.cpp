// SPDX-License-Identifier: MIT
// Borrowed virtual time, as Xen had it in 2003. Each vCPU's actual virtual time (avt) advances by
// its weight's inverse for each charging unit that it runs; the smallest effective one (evt: avt,
// less the warp of who may borrow from its future) is next. (Duda and Cheriton, SOSP 1999; Barham
// et al., "Xen and the Art of Virtualization", SOSP 2003, 3.3.1; the constants are those of the
// Xen tree of October 2003.)
//
// As there: a unit is charged in whole, rounded up; each pCPU has a queue of its own, to which
// vCPUs are given in turn when they join, and nobody migrates; who wakes gets no other advantage
// than its warp, which is zero by default; and the lead over the next one, which is a number of
// charging units, is added to the slice as if it were nanoseconds. So every contended slice is
// close to ctx_allow, whatever the weights, and proportionality comes from picking the smallest
// evt.
#include <algorithm>
#include <map>
#include <optional>
#include <vector>

#include "hv/base/params.hpp"
#include "hv/base/registry.hpp"
#include "hv/sched/scheduler.hpp"

namespace ring3 {
namespace {

using namespace std::chrono_literals;

/// Virtual times in 1/1024 of the tree's own units, so that any weight has an advance: weight 256
/// has the default mcu_advance of 10.
using Virtual = std::int64_t;
constexpr Virtual one_unit = 1024;
constexpr std::uint32_t usual_weight = 256;
constexpr Virtual usual_advance = 10;

struct Borrower final : sched::PolicyData {
    PcpuId home{};
    Virtual avt = 0;
    bool is_warped = false;
    /// Of this stay in warp.
    Duration warped_for{};
    Time may_warp_at{};
};

class Bvt final : public Scheduler {
public:
    explicit Bvt(Params& params)
        : unit_(params.duration("mcu_us", 100us, "minimum charging unit", 1us, 1s)),
          allowance_(params.duration("ctx_allow_us", 5ms,
                                     "context switch allowance: the slice when several can run",
                                     10us, 10s)),
          warp_limit_(params.duration("warp_limit_ms", 0ms, "longest run in warp; 0: no limit")),
          unwarp_(params.duration("unwarp_ms", 0ms, "time out of warp after that")) {}

    Promises promises() const override {
        return {.migrates = false, .follows_weights = true, .wait_per_other = Time{allowance_ * 2}};
    }

    void add_pcpu(PcpuId pcpu, Time) override { pcpus_.try_emplace(pcpu); }

    void join(Vcpu& vcpu, Time) override {
        auto data = std::make_unique<Borrower>();
        data->home = next_home(vcpu);
        data->avt = pcpus_[data->home].svt;
        vcpu.data = std::move(data);
    }

    void wake(Vcpu& vcpu, Time now, Kicks& kicks) override {
        Borrower& own = vcpu.own<Borrower>();
        if (!vcpu.affinity.allows(own.home)) own.home = next_home(vcpu);
        Queue& queue = pcpus_[own.home];
        own.avt = std::max(own.avt, queue.svt);
        own.is_warped = vcpu.params.warp != 0 && now >= own.may_warp_at;
        own.warped_for = {};
        queue.waiting.push_back(&vcpu);
        if (queue.running == nullptr) return;
        const Virtual running = evt(*queue.running) + charge(*queue.running, now - queue.began);
        if (evt(vcpu) <= running)
            kicks.kick(own.home);
        else  // the slice was given for less company
            queue.slice_ends =
                std::min(queue.slice_ends,
                         std::max(now, queue.began + lead(*queue.running, evt(vcpu) - running)));
    }

    void stopped(Vcpu& vcpu, PcpuId pcpu, Duration ran, Why why, Time now) override {
        Borrower& own = vcpu.own<Borrower>();
        own.avt += charge(vcpu, ran);
        own.warped_for += ran;
        if (own.is_warped && warp_limit_ > 0ns && own.warped_for >= warp_limit_) {
            own.is_warped = false;
            own.may_warp_at = now + unwarp_;
        }
        Queue& queue = pcpus_[pcpu];
        queue.running = nullptr;
        queue.slice_ends = never;
        if (why == Why::blocked) return;
        if (!vcpu.affinity.allows(own.home)) own.home = next_home(vcpu);
        pcpus_[own.home].waiting.push_back(&vcpu);
    }

    /// Of equal evts, whoever has waited longest.
    Choice pick(PcpuId pcpu, Time now) override {
        Queue& queue = pcpus_[pcpu];
        if (queue.waiting.empty()) return {};
        const auto earlier = [](Vcpu* a, Vcpu* b) { return evt(*a) < evt(*b); };
        const auto best = std::ranges::min_element(queue.waiting, earlier);
        Vcpu* const vcpu = *best;
        Virtual least = vcpu->own<Borrower>().avt;
        for (Vcpu* const each : queue.waiting) least = std::min(least, each->own<Borrower>().avt);
        queue.svt = std::max(queue.svt, least);
        queue.waiting.erase(best);
        queue.running = vcpu;
        queue.began = now;
        if (queue.waiting.empty()) return {vcpu, allowance_ * 10};
        const auto next = std::ranges::min_element(queue.waiting, earlier);
        return {vcpu, lead(*vcpu, evt(**next) - evt(*vcpu))};
    }

    void leave(Vcpu& vcpu, Time) override {
        for (auto& [pcpu, queue] : pcpus_) std::erase(queue.waiting, &vcpu);
    }

    /// Another affinity may need another queue.
    void adjust(Vcpu& vcpu, const SchedParams&, Time) override {
        Borrower& own = vcpu.own<Borrower>();
        if (vcpu.affinity.allows(own.home)) return;
        const bool waits = std::erase(pcpus_[own.home].waiting, &vcpu) != 0;
        own.home = next_home(vcpu);
        if (waits) pcpus_[own.home].waiting.push_back(&vcpu);
    }

    Time next_event(PcpuId pcpu) override {
        const auto found = pcpus_.find(pcpu);
        return found == pcpus_.end() ? never : found->second.slice_ends;
    }
    void timer(PcpuId pcpu, Time, Kicks& kicks) override {
        pcpus_[pcpu].slice_ends = never;
        kicks.kick(pcpu);
    }

private:
    struct Queue {
        std::vector<Vcpu*> waiting;
        Vcpu* running = nullptr;
        Time began{};
        /// When the running one's slice was shortened after it was given.
        Time slice_ends = never;
        /// The smallest avt of those who can run here: the least that a waking one gets.
        Virtual svt = 0;
    };

    static Virtual advance(const Vcpu& vcpu) {
        return std::max<Virtual>(usual_advance * usual_weight * one_unit / vcpu.params.weight, 1);
    }
    static Virtual evt(Vcpu& vcpu) {
        const Borrower& own = vcpu.own<Borrower>();
        return own.avt - (own.is_warped ? vcpu.params.warp * one_unit : 0);
    }
    Virtual charge(const Vcpu& vcpu, Duration ran) const {
        return (ran + unit_ - 1ns) / unit_ * advance(vcpu);
    }
    /// The count of units by which it leads, taken for nanoseconds, and the allowance.
    Duration lead(const Vcpu& vcpu, Virtual ahead) const {
        return Duration{std::max<Virtual>(ahead, 0) / advance(vcpu)} + allowance_;
    }

    /// In turn, among those that it may run on.
    PcpuId next_home(const Vcpu& vcpu) {
        if (pcpus_.empty()) return PcpuId{0};
        for (std::size_t tried = 0; tried < pcpus_.size(); ++tried) {
            auto next = last_home_ ? pcpus_.upper_bound(*last_home_) : pcpus_.begin();
            if (next == pcpus_.end()) next = pcpus_.begin();
            last_home_ = next->first;
            if (vcpu.affinity.allows(*last_home_)) break;
        }
        return *last_home_;
    }
    const Duration unit_, allowance_, warp_limit_, unwarp_;
    std::map<PcpuId, Queue> pcpus_;
    std::optional<PcpuId> last_home_;
};

const Registered<Scheduler, Bvt> entry{"bvt", "borrowed virtual time, as in Xen of 2003"};

}  // namespace
}  // namespace ring3
