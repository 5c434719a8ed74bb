// SPDX-License-Identifier: MIT
// What a domain config promises its vCPUs: cpu_weight, cap, period, budget, extratime, cpus.
#pragma once

#include <string_view>

#include "hv/machine/config/xl_config.hpp"
#include "hv/sched/vcpu.hpp"

namespace ring3 {

struct Scheduling {
    /// Of the domain. Each of its vCPUs has the weight, and its part of the cap.
    SchedParams params;
    Affinity affinity;

    /// What a scheduler is told of one of so many vCPUs.
    SchedParams of_each(std::uint32_t vcpus) const {
        SchedParams each = params;
        if (each.cap_percent != 0) each.cap_percent = (each.cap_percent + vcpus - 1) / vcpus;
        return each;
    }
};

inline constexpr std::uint32_t most_weight = 65535;
/// In percent of one pCPU, for a domain of the most vCPUs that there can be.
inline constexpr std::uint32_t most_cap = 3200;

/// All of it, for a digest.
std::string to_string(const Scheduling& scheduling);

/// Throws ConfigError.
Scheduling read_scheduling(const XlConfig& config);

/// "all", "0-3,5", "0-7,^2": as in xl's cpus and vcpu-pin. Nothing: it is no such list, or empty.
std::optional<Affinity> parse_cpus(std::string_view text);
/// "all" or "0-3,5".
std::string to_string(Affinity affinity);

}  // namespace ring3
