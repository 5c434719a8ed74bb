// SPDX-License-Identifier: MIT
// Null: each vCPU has a pCPU of its own from its joining on, and there is nothing to decide. After
// Xen's scheduler of this name (since 4.9). vCPUs for which no pCPU is free wait until one leaves.
#include <algorithm>
#include <list>
#include <map>

#include "hv/base/params.hpp"
#include "hv/base/registry.hpp"
#include "hv/sched/scheduler.hpp"

namespace ring3 {
namespace {

constexpr Duration without_end = std::chrono::hours{24 * 365};

class Null final : public Scheduler {
public:
    explicit Null(Params&) {}

    /// A pCPU idles while its owner does, whoever else waits.
    Promises promises() const override {
        return {.conserves_work = false, .is_even_handed = false};
    }

    void add_pcpu(PcpuId pcpu, Time) override {
        owner_[pcpu] = nullptr;
        place_waiting();
    }

    void join(Vcpu& vcpu, Time) override {
        unplaced_.push_back(&vcpu);
        place_waiting();
    }

    void wake(Vcpu& vcpu, Time, Kicks&) override { able_.push_back(&vcpu); }

    void stopped(Vcpu& vcpu, PcpuId, Duration, Why why, Time) override {
        if (why != Why::blocked) able_.push_back(&vcpu);
    }

    Choice pick(PcpuId pcpu, Time) override {
        const auto owner = owner_.find(pcpu);
        if (owner == owner_.end() || owner->second == nullptr) return {};
        const auto able = std::find(able_.begin(), able_.end(), owner->second);
        if (able == able_.end()) return {};
        able_.erase(able);
        return {owner->second, without_end};
    }

    void leave(Vcpu& vcpu, Time) override {
        give_up_place(vcpu);
        able_.remove(&vcpu);
        unplaced_.remove(&vcpu);
        place_waiting();
    }

    /// A new affinity may need another place.
    void adjust(Vcpu& vcpu, const SchedParams&, Time) override {
        give_up_place(vcpu);
        unplaced_.remove(&vcpu);
        unplaced_.push_back(&vcpu);
        place_waiting();
    }

private:
    void give_up_place(Vcpu& vcpu) {
        for (auto& [pcpu, owner] : owner_)
            if (owner == &vcpu) owner = nullptr;
    }
    /// In order of joining, each on the first free pCPU that it may use.
    void place_waiting() {
        for (auto it = unplaced_.begin(); it != unplaced_.end();) {
            const auto place = std::ranges::find_if(owner_, [&](const auto& each) {
                return each.second == nullptr && (*it)->affinity.allows(each.first);
            });
            if (place == owner_.end()) {
                ++it;
                continue;
            }
            place->second = *it;
            it = unplaced_.erase(it);
        }
    }

    std::map<PcpuId, Vcpu*> owner_;
    std::list<Vcpu*> unplaced_, able_;
};

const Registered<Scheduler, Null> entry{"null", "a pCPU of its own for each vCPU"};

}  // namespace
}  // namespace ring3
