// SPDX-License-Identifier: MIT
// The credit scheduler, as it came in 2006 (Xen 3.0, sched_credit.c): at each accounting, credits
// are given out by weight and, where there is a cap, at most so many; running costs credits. Who
// has some is UNDER, who has none is OVER, and UNDER comes first; in turn among equals. A capped
// vCPU that is too far in debt is parked until it is out of it. Each pCPU has a queue; one that
// would have to run somebody OVER, or to idle, looks for somebody better in the others. BOOST,
// which came later in that year, lets who wakes UNDER go before all others until the next tick.
#include <algorithm>
#include <map>
#include <vector>

#include "hv/base/params.hpp"
#include "hv/base/registry.hpp"
#include "hv/sched/scheduler.hpp"

namespace ring3 {
namespace {

using namespace std::chrono_literals;

enum class Priority : std::uint8_t { boost, under, over, parked };

/// Credits are nanoseconds of a pCPU.
struct Account final : sched::PolicyData {
    PcpuId home{};
    Duration credit{};
    Priority priority = Priority::under;
    bool is_active = false;  ///< gets credits
    bool is_running = false, can_run = false;
};

class Credit final : public Scheduler {
public:
    explicit Credit(Params& params)
        : slice_(params.duration("slice_ms", 30ms, "longest turn", 1ms, 1s)),
          tick_(params.duration("tick_ms", 10ms, "how often BOOST ends, and `sampled` charges", 1ms,
                                1s)),
          accounting_(
              params.duration("accounting_ms", 30ms, "how often credits are given out", 1ms, 1s)),
          boosts_(params.boolean("boost", true, "whether who wakes with credits goes first")),
          samples_(params.choice("charging", "exact", {"exact", "sampled"},
                                 "exact: what was run; sampled: a whole tick to whoever runs at "
                                 "it, as in 2006") == "sampled") {}

    Promises promises() const override {
        return {.follows_weights = true, .keeps_caps = true, .wait_per_other = Time{slice_ * 2}};
    }

    void add_pcpu(PcpuId pcpu, Time now) override {
        pcpus_[pcpu].next_tick = now + tick_;
        if (pcpus_.size() == 1) next_accounting_ = now + accounting_;
    }

    void join(Vcpu& vcpu, Time) override {
        vcpu.data = std::make_unique<Account>();
        vcpu.own<Account>().home = emptiest(vcpu);
        all_.push_back(&vcpu);
    }

    void wake(Vcpu& vcpu, Time now, Kicks& kicks) override {
        Account& own = vcpu.own<Account>();
        own.can_run = true;
        if (boosts_ && own.priority == Priority::under) own.priority = Priority::boost;
        put(vcpu);
        tickle(own, now, kicks);
    }

    void stopped(Vcpu& vcpu, PcpuId pcpu, Duration ran, Why why, Time) override {
        Account& own = vcpu.own<Account>();
        Pcpu& at = pcpus_[pcpu];
        // What the last accounting charged is paid.
        if (!samples_) charge(own, ran - at.charged);
        at.running = nullptr;
        own.is_running = false;
        own.can_run = why != Why::blocked;
        if (own.priority == Priority::boost && why != Why::blocked) own.priority = Priority::under;
        if (own.can_run) put(vcpu);
    }

    Choice pick(PcpuId pcpu, Time now) override {
        Pcpu& at = pcpus_[pcpu];
        Vcpu* best = first_in(at, pcpu);
        if (best == nullptr || best->own<Account>().priority == Priority::over)
            best = better_elsewhere(pcpu, best);
        if (best == nullptr) return {};
        Account& own = best->own<Account>();
        std::erase(pcpus_[own.home].queue, best);
        own.home = pcpu;
        own.is_running = true;
        at.running = best;
        at.began = now;
        // Ticks of the time in which it idled are gone.
        if (at.next_tick <= now) at.next_tick += ((now - at.next_tick) / tick_ + 1) * tick_;
        at.charged = {};
        return {best, slice_};
    }

    void leave(Vcpu& vcpu, Time) override {
        for (auto& [pcpu, at] : pcpus_) std::erase(at.queue, &vcpu);
        std::erase(all_, &vcpu);
    }

    Time next_event(PcpuId pcpu) override {
        const auto found = pcpus_.find(pcpu);
        if (found == pcpus_.end()) return never;
        // An idle machine has nothing to account.
        const bool is_at_work =
            std::ranges::any_of(all_, [](Vcpu* each) { return each->own<Account>().can_run; });
        if (!is_at_work) return never;
        const bool ticks = found->second.running != nullptr;
        return ticks ? std::min(found->second.next_tick, next_accounting_) : next_accounting_;
    }

    void timer(PcpuId pcpu, Time now, Kicks& kicks) override {
        Pcpu& at = pcpus_[pcpu];
        if (now >= at.next_tick) {
            at.next_tick += ((now - at.next_tick) / tick_ + 1) * tick_;
            if (at.running != nullptr) tick(at.running->own<Account>());
        }
        if (now < next_accounting_) return;
        next_accounting_ += ((now - next_accounting_) / accounting_ + 1) * accounting_;
        account(now, kicks);
    }

private:
    struct Pcpu {
        /// In the order of priorities, then of arrival.
        std::vector<Vcpu*> queue;
        Vcpu* running = nullptr;
        Time began{}, next_tick{};
        /// Of the present run, by accountings in the middle of it.
        Duration charged{};
    };

    static Priority priority(Vcpu* vcpu) { return vcpu->own<Account>().priority; }

    void put(Vcpu& vcpu) {
        Account& own = vcpu.own<Account>();
        if (!vcpu.affinity.allows(own.home)) own.home = emptiest(vcpu);
        auto& queue = pcpus_[own.home].queue;
        queue.insert(std::ranges::upper_bound(queue, own.priority, {}, priority), &vcpu);
    }

    /// The pCPU with the shortest queue that it may use.
    PcpuId emptiest(const Vcpu& vcpu) const {
        const std::pair<const PcpuId, Pcpu>* best = nullptr;
        const auto load = [](const Pcpu& at) {
            return at.queue.size() + (at.running != nullptr ? 1 : 0);
        };
        for (const auto& each : pcpus_)
            if (vcpu.affinity.allows(each.first) &&
                (best == nullptr || load(each.second) < load(best->second)))
                best = &each;
        return best == nullptr ? PcpuId{0} : best->first;
    }

    void tickle(const Account& own, Time, Kicks& kicks) {
        const Pcpu& at = pcpus_[own.home];
        if (at.running != nullptr && own.priority < priority(at.running)) kicks.kick(own.home);
    }

    static Vcpu* first_in(const Pcpu& at, PcpuId pcpu) {
        const auto found = std::ranges::find_if(at.queue, [&](Vcpu* each) {
            return each->affinity.allows(pcpu) && priority(each) != Priority::parked;
        });
        return found == at.queue.end() ? nullptr : *found;
    }

    /// From the next pCPUs on, in turn.
    Vcpu* better_elsewhere(PcpuId pcpu, Vcpu* best) {
        auto it = pcpus_.find(pcpu);
        for (std::size_t i = 1; i < pcpus_.size(); ++i) {
            if (++it == pcpus_.end()) it = pcpus_.begin();
            Vcpu* const found = first_in(it->second, pcpu);
            if (found != nullptr && (best == nullptr || priority(found) < priority(best)))
                best = found;
        }
        return best;
    }

    void tick(Account& own) {
        if (own.priority == Priority::boost) own.priority = Priority::under;
        if (samples_) charge(own, tick_);
    }

    /// Who is found to run, or has spent what it had, takes part in the accounting.
    void charge(Account& own, Duration ran) const {
        own.credit -= ran;
        if (samples_ || own.credit < 0ns) own.is_active = true;
    }

    void charge_running(Time now) {
        if (samples_) return;
        for (auto& [pcpu, at] : pcpus_) {
            if (at.running == nullptr) continue;
            const Duration ran = now - at.began;
            charge(at.running->own<Account>(), ran - at.charged);
            at.charged = ran;
        }
    }

    /// What all pCPUs have to give, by weight; what a cap keeps from one goes to the others.
    void give_credits() {
        std::vector<Vcpu*> open;
        for (Vcpu* const each : all_)
            if (each->own<Account>().is_active) open.push_back(each);
        auto left = accounting_ * static_cast<std::int64_t>(pcpus_.size());
        while (!open.empty()) {
            std::int64_t weights = 0;
            for (Vcpu* const each : open) weights += each->params.weight;
            const auto is_capped = std::ranges::find_if(open, [&](Vcpu* each) {
                return cap(*each) < left * each->params.weight / weights;
            });
            if (is_capped != open.end()) {
                (*is_capped)->own<Account>().credit += cap(**is_capped);
                left -= cap(**is_capped);
                open.erase(is_capped);
                continue;
            }
            for (Vcpu* const each : open)
                each->own<Account>().credit += left * each->params.weight / weights;
            return;
        }
    }

    /// The most that it gets at one accounting: no vCPU can run more than the whole time.
    Duration cap(const Vcpu& vcpu) const {
        const std::uint32_t percent = vcpu.params.cap_percent;
        return accounting_ * (percent == 0 ? 100 : percent) / 100;
    }

    void account(Time now, Kicks& kicks) {
        charge_running(now);
        give_credits();
        for (Vcpu* const each : all_) settle(*each);
        for (auto& [pcpu, at] : pcpus_) {
            std::ranges::stable_sort(at.queue, {}, priority);
            const Vcpu* const next = first_in(at, pcpu);
            if (at.running == nullptr) continue;
            const Priority running = priority(at.running);
            if (running == Priority::parked ||
                (next != nullptr && priority(const_cast<Vcpu*>(next)) < running))
                kicks.kick(pcpu);
        }
    }

    void settle(Vcpu& vcpu) {
        Account& own = vcpu.own<Account>();
        if (own.credit >= 0ns) {
            if (own.priority != Priority::boost) own.priority = Priority::under;
            // Who saves more than it spends takes no part for a while, and begins with a half then.
            if (own.credit > accounting_) {
                own.credit /= 2;
                own.is_active = false;
            }
            return;
        }
        const bool stays_parked = own.priority == Priority::parked && vcpu.params.cap_percent != 0;
        const bool is_too_deep = vcpu.params.cap_percent != 0 && -own.credit > cap(vcpu);
        own.priority = stays_parked || is_too_deep ? Priority::parked : Priority::over;
        // Debts of those without a cap are forgiven beyond one period.
        if (vcpu.params.cap_percent == 0) own.credit = std::max(own.credit, -accounting_);
    }

    const Duration slice_, tick_, accounting_;
    const bool boosts_, samples_;
    std::map<PcpuId, Pcpu> pcpus_;
    std::vector<Vcpu*> all_;
    Time next_accounting_{};
};

const Registered<Scheduler, Credit> entry{"credit",
                                          "shares by weight, and caps, as in Xen of 2006"};

}  // namespace
}  // namespace ring3
