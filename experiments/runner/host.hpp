// SPDX-License-Identifier: MIT
// The host that a campaign runs on: what it is, and whether it is quiet enough for wall-clock
// times.
#pragma once

#include <map>
#include <string>

#include "analysis/load/layout.hpp"

namespace ring3::experiment {

/// CPU, kernel, memory, governor...: by name, for /host.
std::map<std::string, std::string> host_facts();

/// What a noise gate found.
struct Noise {
    double load = 0;         ///< the host's average over a minute
    double spin_jitter = 0;  ///< (95th percentile - median) / median of equal loops
    double steal = 0;        ///< share of time that was taken from this host meanwhile
    std::string reason;      ///< why it is too much; empty if it is not
};

/// Looks at the host for some 50 ms.
Noise measure_noise();

}  // namespace ring3::experiment
