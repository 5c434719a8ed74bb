// SPDX-License-Identifier: MIT
// Real-time deferrable server (Xen's sched_rt.c; Xi, Wilson, Lu and Gill, "RT-Xen: Towards
// Real-Time Hypervisor Scheduling in Xen", EMSOFT 2011): each vCPU has a budget in each period,
// which it may spend at any time of the period, and which is lost at its end. The earliest end of a
// period is next, on all pCPUs alike (global EDF). With extra time a vCPU whose budget is spent
// gets it anew at a lower level of priority, so that it runs when those of higher levels do not
// want to.
#include <algorithm>
#include <tuple>
#include <vector>

#include "hv/base/errors.hpp"
#include "hv/base/params.hpp"
#include "hv/base/registry.hpp"
#include "hv/sched/scheduler.hpp"

namespace ring3 {
namespace {

using namespace std::chrono_literals;

struct Server final : sched::PolicyData {
    Duration period{}, whole_budget{};
    bool has_extra_time = false;
    Time deadline{};
    Duration budget{};
    /// How often the budget was given anew in this period.
    std::uint64_t level = 0;

    auto urgency() const { return std::tuple(level, deadline); }
};

class Rtds final : public Scheduler {
public:
    explicit Rtds(Params& params)
        : period_(params.duration("period_us", 10ms, "of vCPUs that were given none", 10us, 1h)),
          budget_(params.duration("budget_us", 4ms, "of vCPUs that were given none", 10us, 1h)),
          has_extra_time_(params.boolean("extra_time", true,
                                         "of vCPUs that were told nothing: whether they run on "
                                         "what is left")) {
        if (budget_ > period_) throw ConfigError{"[scheduler] budget_us is more than period_us"};
    }

    Promises promises() const override {
        // Of equal deadlines that cannot all be met, the same ones lose each time.
        return {.conserves_work = has_extra_time_,
                .is_even_handed = false,
                .wait_per_other = has_extra_time_ ? Time{period_ * 2} : never};
    }

    void join(Vcpu& vcpu, Time now) override {
        vcpu.data = std::make_unique<Server>();
        Server& own = vcpu.own<Server>();
        read(vcpu.params, own);
        begin_period(own, now);
    }

    void wake(Vcpu& vcpu, Time now, Kicks& kicks) override {
        waiting_.push_back(&vcpu);
        renew(vcpu.own<Server>(), now);
        kick_for(vcpu, kicks);
    }

    void stopped(Vcpu& vcpu, PcpuId pcpu, Duration ran, Why why, Time) override {
        spend(vcpu.own<Server>(), ran);
        std::erase_if(running_, [&](const Running& each) { return each.pcpu == pcpu; });
        if (why != Why::blocked) waiting_.push_back(&vcpu);
    }

    /// Of equally urgent ones, whoever has waited longest.
    Choice pick(PcpuId pcpu, Time now) override {
        for (Vcpu* const each : waiting_) renew(each->own<Server>(), now);
        Vcpu* best = nullptr;
        for (Vcpu* const each : waiting_) {
            const Server& own = each->own<Server>();
            if (!each->affinity.allows(pcpu) || own.budget <= 0ns) continue;
            if (best == nullptr || own.urgency() < best->own<Server>().urgency()) best = each;
        }
        if (best == nullptr) return {};
        std::erase(waiting_, best);
        running_.push_back({pcpu, best});
        const Server& own = best->own<Server>();
        return {best, std::min(own.budget, own.deadline - now)};
    }

    void leave(Vcpu& vcpu, Time) override { std::erase(waiting_, &vcpu); }

    void adjust(Vcpu& vcpu, const SchedParams& next, Time) override {
        Server& own = vcpu.own<Server>();
        read(next, own);
        own.budget = std::min(own.budget, own.whole_budget);
    }

    /// The end of a period brings those to life whose budget is spent, and changes who is urgent.
    Time next_event(PcpuId) override {
        Time next = never;
        for (Vcpu* const each : waiting_) next = std::min(next, each->own<Server>().deadline);
        return next;
    }
    void timer(PcpuId, Time now, Kicks& kicks) override {
        for (Vcpu* const each : waiting_)
            if (renew(each->own<Server>(), now)) kick_for(*each, kicks);
    }

private:
    struct Running {
        PcpuId pcpu;
        Vcpu* vcpu;
    };

    void read(const SchedParams& params, Server& own) const {
        own.period = params.period.value_or(period_);
        own.whole_budget = std::min(params.budget.value_or(budget_), own.period);
        own.has_extra_time = params.extra_time.value_or(has_extra_time_);
    }
    static void begin_period(Server& own, Time begin) {
        own.deadline = begin + own.period;
        own.budget = own.whole_budget;
        own.level = 0;
    }
    static bool renew(Server& own, Time now) {
        if (now < own.deadline) return false;
        begin_period(own, own.deadline + (now - own.deadline) / own.period * own.period);
        return true;
    }
    static void spend(Server& own, Duration ran) {
        own.budget -= ran;
        if (own.budget > 0ns || !own.has_extra_time) return;
        own.budget = own.whole_budget;
        ++own.level;
    }

    /// Takes a pCPU from the least urgent of those who are less urgent.
    void kick_for(Vcpu& vcpu, Kicks& kicks) {
        const Server& own = vcpu.own<Server>();
        if (own.budget <= 0ns) return;
        const Running* last = nullptr;
        for (const Running& each : running_) {
            if (!vcpu.affinity.allows(each.pcpu) || kicks.asked(each.pcpu)) continue;
            const Server& other = each.vcpu->own<Server>();
            if (other.urgency() <= own.urgency()) continue;
            if (last == nullptr || last->vcpu->own<Server>().urgency() < other.urgency())
                last = &each;
        }
        if (last != nullptr) kicks.kick(last->pcpu);
    }

    const Duration period_, budget_;
    const bool has_extra_time_;
    std::vector<Vcpu*> waiting_;
    std::vector<Running> running_;
};

const Registered<Scheduler, Rtds> entry{"rtds", "budgets in periods, earliest deadline first"};

}  // namespace
}  // namespace ring3
