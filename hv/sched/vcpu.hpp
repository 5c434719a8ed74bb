// SPDX-License-Identifier: MIT
// A vCPU as a scheduler sees it: who it is, what it was promised, and a slot for the policy's own
// data. The machine owns it, keeps its run state, and never lets it go before Scheduler::leave.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "hv/base/units.hpp"

namespace ring3 {

/// What the user promised a vCPU; which of these mean something is the policy's affair.
struct SchedParams {
    /// Share of the CPU relative to other vCPUs (Xen's credit schedulers: 1 to 65535).
    std::uint32_t weight = 256;
    /// Most CPU time it may get, in percent of one pCPU; 0 = no limit.
    std::uint32_t cap_percent = 0;
    /// A reservation: `budget` of CPU time in each `period`, and whether it may have more when
    /// nobody else wants it. Nothing: the policy has a default.
    std::optional<Duration> period = std::nullopt, budget = std::nullopt;
    std::optional<bool> extra_time = std::nullopt;
    /// BVT: how far ahead of its virtual time it counts when it wakes; 0: not at all.
    std::uint32_t warp = 0;

    friend bool operator==(const SchedParams&, const SchedParams&) = default;
};

/// The pCPUs a vCPU may run on: bit n = pCPU n.
struct Affinity {
    std::uint64_t pcpus = ~std::uint64_t{0};
    friend bool operator==(const Affinity&, const Affinity&) = default;
    bool allows(PcpuId pcpu) const { return pcpu.raw < 64 && ((pcpus >> pcpu.raw) & 1) != 0; }
};

namespace sched {

/// Base of whatever a policy wants to remember of a vCPU.
struct PolicyData {
    virtual ~PolicyData() = default;
};

struct Vcpu {
    VcpuId id{};
    DomainId domain{};
    Affinity affinity{};
    SchedParams params{};
    std::unique_ptr<PolicyData> data;

    /// The policy's own data, of the type that it put there.
    template <class Data>
    Data& own() {
        return static_cast<Data&>(*data);
    }
};

}  // namespace sched
}  // namespace ring3
