// SPDX-License-Identifier: MIT
// Credit2 (Xen's default since 4.12; sched_credit2.c and its feature document): credits burn while
// a vCPU runs, the faster the smaller its weight; the most credits are next; when even the next one
// has none, all get some. Who wakes may take the CPU from who has less, but nobody loses it within
// the rate limit. Caps are budgets per period. One queue serves all pCPUs.
#include <algorithm>
#include <vector>

#include "hv/base/errors.hpp"
#include "hv/base/params.hpp"
#include "hv/base/registry.hpp"
#include "hv/sched/scheduler.hpp"

namespace ring3 {
namespace {

using namespace std::chrono_literals;

constexpr std::uint32_t usual_weight = 256;

struct Credits final : sched::PolicyData {
    Duration credit{};
    /// Of a capped one, in this period.
    Duration budget{};
};

class Credit2 final : public Scheduler {
public:
    explicit Credit2(Params& params)
        : initial_(params.duration("credit_init_ms", 10ms, "credits at a reset", 1ms, 1s)),
          shortest_(params.duration("min_slice_us", 500us, "shortest turn", 1us, 1s)),
          longest_(params.duration("max_slice_us", 10ms, "longest turn", 1us, 1s)),
          rate_limit_(params.duration("ratelimit_us", 1ms,
                                      "how long nobody loses the CPU to who wakes", 0us, 500ms)),
          period_(params.duration("cap_period_ms", 10ms, "of the budgets that caps are", 1ms, 1s)) {
        if (shortest_ > longest_)
            throw ConfigError{"[scheduler] min_slice_us is more than max_slice_us"};
    }

    Promises promises() const override {
        return {.follows_weights = true,
                .keeps_caps = true,
                .wait_per_other = Time{initial_ * 2 + shortest_}};
    }

    void add_pcpu(PcpuId, Time now) override {
        if (next_period_ == never) next_period_ = now + period_;
    }

    void join(Vcpu& vcpu, Time) override {
        vcpu.data = std::make_unique<Credits>();
        vcpu.own<Credits>().credit = initial_;
        vcpu.own<Credits>().budget = budget(vcpu);
        all_.push_back(&vcpu);
    }

    void wake(Vcpu& vcpu, Time now, Kicks& kicks) override {
        waiting_.push_back(&vcpu);
        if (!is_out_of_budget(vcpu)) kick_for(vcpu, now, kicks);
    }

    void stopped(Vcpu& vcpu, PcpuId pcpu, Duration ran, Why why, Time) override {
        burn(vcpu, ran);
        std::erase_if(running_, [&](const Running& each) { return each.pcpu == pcpu; });
        if (why != Why::blocked) waiting_.push_back(&vcpu);
        yielded_ = why == Why::yielded ? &vcpu : nullptr;
    }

    Choice pick(PcpuId pcpu, Time now) override {
        Vcpu* best = best_for(pcpu);
        if (best == nullptr) return {};
        if (best->own<Credits>().credit <= 0ns) reset();
        yielded_ = nullptr;
        std::erase(waiting_, best);
        running_.push_back({pcpu, best, now});
        return {best, slice(*best, pcpu)};
    }

    void leave(Vcpu& vcpu, Time) override {
        std::erase(waiting_, &vcpu);
        std::erase(all_, &vcpu);
        if (yielded_ == &vcpu) yielded_ = nullptr;
    }

    void adjust(Vcpu& vcpu, const SchedParams& next, Time) override {
        const Duration whole = period_ * next.cap_percent / 100;
        vcpu.own<Credits>().budget = std::min(vcpu.own<Credits>().budget, whole);
        if (vcpu.params.cap_percent == 0) vcpu.own<Credits>().budget = whole;
    }

    /// Budgets matter to those who wait for one.
    Time next_event(PcpuId) override {
        const auto waits = [](Vcpu* each) { return is_out_of_budget(*each); };
        return std::ranges::any_of(waiting_, waits) ? next_period_ : never;
    }
    void timer(PcpuId, Time now, Kicks& kicks) override {
        if (now < next_period_) return;
        renew_budgets(now);
        for (Vcpu* const each : waiting_)
            if (!is_out_of_budget(*each)) kick_for(*each, now, kicks);
    }

private:
    struct Running {
        PcpuId pcpu;
        Vcpu* vcpu;
        Time since;
    };

    Duration budget(const Vcpu& vcpu) const { return period_ * vcpu.params.cap_percent / 100; }
    static bool is_out_of_budget(Vcpu& vcpu) {
        return vcpu.params.cap_percent != 0 && vcpu.own<Credits>().budget <= 0ns;
    }
    static Duration burnt(const Vcpu& vcpu, Duration ran) {
        return ran * usual_weight / vcpu.params.weight;
    }
    static void burn(Vcpu& vcpu, Duration ran) {
        vcpu.own<Credits>().credit -= burnt(vcpu, ran);
        vcpu.own<Credits>().budget -= ran;
    }

    /// Of equal credits, whoever has waited longest. Who yielded comes after all others.
    Vcpu* best_for(PcpuId pcpu) {
        Vcpu* best = nullptr;
        for (Vcpu* const each : waiting_) {
            if (!each->affinity.allows(pcpu) || is_out_of_budget(*each)) continue;
            const bool is_better =
                best == nullptr || best == yielded_ ||
                (each != yielded_ && each->own<Credits>().credit > best->own<Credits>().credit);
            if (is_better) best = each;
        }
        return best;
    }

    /// Until it has no more credits than the next one.
    Duration slice(Vcpu& vcpu, PcpuId pcpu) {
        const Credits& own = vcpu.own<Credits>();
        const Vcpu* const next = best_for(pcpu);
        const Duration ahead =
            own.credit - (next != nullptr ? const_cast<Vcpu*>(next)->own<Credits>().credit : 0ns);
        const Duration turn =
            std::clamp(ahead * vcpu.params.weight / usual_weight, shortest_, longest_);
        return vcpu.params.cap_percent == 0 ? turn : std::min(turn, own.budget);
    }

    /// Debts stay, savings do not exceed what is given.
    void reset() {
        for (Vcpu* const each : all_) {
            Duration& credit = each->own<Credits>().credit;
            credit = std::min(credit + initial_, initial_);
        }
        // So deep in debt that one reset is not enough: whoever is next must have some.
        Duration most = -initial_;
        for (Vcpu* const each : waiting_) most = std::max(most, each->own<Credits>().credit);
        if (most > 0ns) return;
        for (Vcpu* const each : all_) {
            Duration& credit = each->own<Credits>().credit;
            credit = std::min(credit + (1ns - most), initial_);
        }
    }

    void renew_budgets(Time now) {
        const auto periods = (now - next_period_) / period_ + 1;
        next_period_ += periods * period_;
        for (Vcpu* const each : all_) {
            Duration& left = each->own<Credits>().budget;
            left = std::min(left + budget(*each) * periods, budget(*each));
        }
    }

    /// Takes a pCPU from whoever has the least credits, if these are fewer.
    void kick_for(Vcpu& vcpu, Time now, Kicks& kicks) {
        const Running* least = nullptr;
        Duration least_credit = vcpu.own<Credits>().credit;
        for (const Running& each : running_) {
            const bool may_lose = vcpu.affinity.allows(each.pcpu) && !kicks.asked(each.pcpu) &&
                                  now - each.since >= rate_limit_;
            const Duration credit =
                each.vcpu->own<Credits>().credit - burnt(*each.vcpu, now - each.since);
            if (!may_lose || credit >= least_credit) continue;
            least = &each;
            least_credit = credit;
        }
        if (least != nullptr) kicks.kick(least->pcpu);
    }

    const Duration initial_, shortest_, longest_, rate_limit_, period_;
    std::vector<Vcpu*> all_, waiting_;
    std::vector<Running> running_;
    const Vcpu* yielded_ = nullptr;
    Time next_period_ = never;
};

const Registered<Scheduler, Credit2> entry{"credit2", "credits that burn by weight, as in Xen now"};

}  // namespace
}  // namespace ring3
