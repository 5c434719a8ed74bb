// SPDX-License-Identifier: MIT
// What a domain config promises its vCPUs: cpu_weight, cap, period, budget, extratime, cpus. All
// but the cap may be lists, of which each vCPU has its entry.
#pragma once

#include <map>
#include <optional>
#include <string_view>

#include "hv/machine/config/xl_config.hpp"
#include "hv/sched/vcpu.hpp"

namespace ring3 {

struct Scheduling {
    /// What one vCPU has of its own; what is not here is the domain's.
    struct Own {
        std::optional<std::uint32_t> weight;
        std::optional<Duration> period, budget;
        std::optional<bool> extra_time;
        std::optional<Affinity> affinity;
    };

    /// Of the domain. Each of its vCPUs has the weight, and its part of the cap.
    SchedParams params;
    Affinity affinity;
    std::map<VcpuId, Own> own;

    /// What a scheduler is told of one of so many vCPUs.
    SchedParams params_of(VcpuId vcpu, std::uint32_t vcpus) const;
    Affinity affinity_of(VcpuId vcpu) const;
};

inline constexpr std::uint32_t most_weight = 65535;
/// In percent of one pCPU, for a domain of the most vCPUs that there can be.
inline constexpr std::uint32_t most_cap = 3200;

/// In minimum charging units: see hv/sched/bvt.cpp.
inline constexpr std::uint32_t most_warp = 1'000'000;

/// All of it, for a digest.
std::string to_string(const Scheduling& scheduling);

/// Of a domain with so many vCPUs at most. Throws ConfigError.
Scheduling read_scheduling(const XlConfig& config, std::uint32_t vcpus);

/// "all", "0-3,5", "0-7,^2": as in xl's cpus and vcpu-pin. Nothing: it is no such list, or empty.
std::optional<Affinity> parse_cpus(std::string_view text);
/// "all" or "0-3,5".
std::string to_string(Affinity affinity);

}  // namespace ring3
