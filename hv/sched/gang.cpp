// SPDX-License-Identifier: MIT
// Gang scheduling: the vCPUs of a domain run at the same time, in slots that go round the domains,
// so that none of them waits for a lock whose holder does not run. (Ousterhout, "Scheduling
// Techniques for Concurrent Systems", ICDCS 1982: coscheduling; his alternate selection is
// `backfill`, which lets others use the pCPUs that a gang leaves free.)
#include <algorithm>
#include <list>
#include <set>
#include <vector>

#include "hv/base/params.hpp"
#include "hv/base/registry.hpp"
#include "hv/sched/scheduler.hpp"

namespace ring3 {
namespace {

using namespace std::chrono_literals;

class Gang final : public Scheduler {
public:
    explicit Gang(Params& params)
        : slot_(params.duration("slot_us", 10ms, "how long a domain has the pCPUs", 10us, 10s)),
          fills_(params.boolean("backfill", true, "whether others use what a gang leaves free")) {}

    Promises promises() const override {
        return {.conserves_work = fills_, .wait_per_other = Time{slot_ * 2}};
    }

    void add_pcpu(PcpuId pcpu, Time) override { pcpus_.insert(pcpu); }

    void wake(Vcpu& vcpu, Time now, Kicks& kicks) override {
        if (std::ranges::find(order_, vcpu.domain) == order_.end()) order_.push_back(vcpu.domain);
        waiting_.push_back(&vcpu);
        if (now < slot_ends_ && order_.front() == vcpu.domain) kick_other_gangs(kicks, vcpu);
    }

    void stopped(Vcpu& vcpu, PcpuId pcpu, Duration, Why why, Time now) override {
        std::erase_if(running_, [&](const Running& each) { return each.pcpu == pcpu; });
        if (why != Why::blocked) waiting_.push_back(&vcpu);
        // A gang whose last member sleeps gives the rest of its slot back.
        if (!order_.empty() && !can_run(order_.front())) slot_ends_ = std::min(slot_ends_, now);
    }

    Choice pick(PcpuId pcpu, Time now) override {
        if (now >= slot_ends_) next_slot(now);
        // In the order of the slots to come.
        for (const DomainId domain : order_) {
            const auto found = std::ranges::find_if(waiting_, [&](Vcpu* each) {
                return each->domain == domain && each->affinity.allows(pcpu);
            });
            if (found != waiting_.end()) {
                Vcpu* const vcpu = *found;
                waiting_.erase(found);
                running_.push_back({pcpu, vcpu});
                return {vcpu, slot_ends_ - now};
            }
            if (!fills_) break;
        }
        return {};
    }

    void leave(Vcpu& vcpu, Time) override {
        std::erase(waiting_, &vcpu);
        if (!can_run(vcpu.domain)) order_.remove(vcpu.domain);
    }

    /// At the end of a slot all pCPUs pick again, together.
    Time next_event(PcpuId) override {
        return running_.empty() && waiting_.empty() ? never : slot_ends_;
    }
    void timer(PcpuId, Time now, Kicks& kicks) override {
        if (now < slot_ends_) return;
        next_slot(now);
        for (const PcpuId pcpu : pcpus_) kicks.kick(pcpu);
    }

private:
    struct Running {
        PcpuId pcpu;
        Vcpu* vcpu;
    };

    bool can_run(DomainId domain) const {
        return std::ranges::any_of(waiting_, [&](Vcpu* each) { return each->domain == domain; }) ||
               std::ranges::any_of(
                   running_, [&](const Running& each) { return each.vcpu->domain == domain; });
    }
    /// The gang whose slot it was goes to the end; those that sleep have no place.
    void next_slot(Time now) {
        std::erase_if(order_, [&](DomainId domain) { return !can_run(domain); });
        if (had_slot_ && order_.size() > 1 && order_.front() == last_)
            order_.splice(order_.end(), order_, order_.begin());
        had_slot_ = !order_.empty();
        if (had_slot_) last_ = order_.front();
        slot_ends_ = now + slot_;
    }
    void kick_other_gangs(Kicks& kicks, const Vcpu& vcpu) {
        for (const Running& each : running_) {
            const bool is_ours = each.vcpu->domain == vcpu.domain;
            if (is_ours || kicks.asked(each.pcpu) || !vcpu.affinity.allows(each.pcpu)) continue;
            return kicks.kick(each.pcpu);
        }
    }

    const Duration slot_;
    const bool fills_;
    std::set<PcpuId> pcpus_;
    /// Domains that can run; the first one has the slot.
    std::list<DomainId> order_;
    std::vector<Vcpu*> waiting_;
    std::vector<Running> running_;
    Time slot_ends_{};
    DomainId last_{};
    bool had_slot_ = false;
};

const Registered<Scheduler, Gang> entry{"gang", "all vCPUs of a domain at the same time"};

}  // namespace
}  // namespace ring3
