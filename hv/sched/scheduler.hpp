// SPDX-License-Identifier: MIT
// A scheduler says which vCPU a pCPU runs next and for how long. The machine keeps the run states,
// does the accounting and calls; a policy answers. Chosen by name, each in one file of this folder.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "hv/base/units.hpp"
#include "hv/sched/vcpu.hpp"

namespace ring3 {

class Params;

/// Which pCPUs should pick again now, though their slice is not spent.
class Kicks {
public:
    void kick(PcpuId pcpu) {
        if (!asked(pcpu)) pcpus_.push_back(pcpu);
    }
    bool asked(PcpuId pcpu) const {
        return std::find(pcpus_.begin(), pcpus_.end(), pcpu) != pcpus_.end();
    }

private:
    std::vector<PcpuId> pcpus_;
};

class Scheduler {
public:
    static constexpr const char* kind = "scheduler";
    using Vcpu = sched::Vcpu;
    /// For names that are paths: from a shared object, plug_in.hpp (Registry::create).
    static std::unique_ptr<Scheduler> load(const std::string& path, Params& params);
    /// vcpu == nullptr: idle until the next wake.
    struct Choice {
        Vcpu* vcpu = nullptr;
        Duration slice{};
    };
    enum class Why : std::uint8_t { slice_spent, preempted, yielded, blocked };

    /// What tests hold it to.
    struct Promises {
        /// No pCPU idles while a vCPU that may run on it waits.
        bool conserves_work = true;
        /// A vCPU that waits is taken over by any pCPU that idles and that it may run on.
        bool migrates = true;
        /// CPU-bound vCPUs on one pCPU get equal time when they were promised the same; time in
        /// proportion to their weights; no more than their caps.
        bool is_even_handed = true;
        bool follows_weights = false;
        bool keeps_caps = false;
        /// On one pCPU, with weights alike, nobody waits longer than so much for each of the others
        /// that can run. `never`: there is no bound.
        Time wait_per_other = never;
    };

    virtual ~Scheduler() = default;

    virtual Promises promises() const = 0;
    /// There is one more pCPU; called for each, in order, before anything else. Whoever keeps
    /// queues by pCPU places vCPUs when they join, and kicks pCPUs that have never picked yet.
    virtual void add_pcpu(PcpuId, Time) {}

    /// The vCPU joined before, and did not run or wait to run; now it can. An idle pCPU picks again
    /// in any case.
    virtual void wake(Vcpu&, Time now, Kicks&) = 0;
    /// The vCPU ran on this pCPU and does not any more. Unless `blocked`, it can still run.
    virtual void stopped(Vcpu&, PcpuId, Duration ran, Why, Time now) = 0;
    /// Called when the pCPU runs nothing. The vCPU chosen must be able to run, must not run
    /// elsewhere, and gets a slice above zero.
    virtual Choice pick(PcpuId, Time now) = 0;
    /// A new vCPU; it cannot run yet.
    virtual void join(Vcpu&, Time) {}
    /// The vCPU goes away, able to run or not, but not running.
    virtual void leave(Vcpu&, Time) {}
    /// Something of what it was promised changes; the vCPU still has what was, but for a new
    /// affinity, which it has already. It does not run.
    virtual void adjust(Vcpu&, const SchedParams&, Time) {}
    /// When timer() is to be called next: replenishment, accounting...
    virtual Time next_event(PcpuId) { return never; }
    virtual void timer(PcpuId, Time, Kicks&) {}
};

}  // namespace ring3
