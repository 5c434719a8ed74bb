// SPDX-License-Identifier: MIT
// How well a schedule kept what was promised, from the events of one run: shares against weights,
// in windows of several lengths; lag behind the ideal; how long who woke waited to run.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "analysis/load/campaign.hpp"

namespace ring3::analysis {

struct Span {
    double from_ns = 0, to_ns = 0;
    bool operator==(const Span&) const = default;
};

/// What a vCPU was promised, wanted and got. Each list is in the order of time.
struct VcpuHistory {
    std::string who;  ///< "d1v0"
    std::string domain;
    /// From when on it had which weight; before that, Xen's usual one.
    std::vector<std::pair<double, double>> weights;
    std::vector<Span> ran;
    std::vector<Span> wanted;  ///< ran, or could have
    std::vector<double> wake_to_run_ns;

    static constexpr double usual_weight = 256;
    double weight_at(double ns) const;
};

/// From the events run, stop, wake and adjust; in the order of domains and vCPUs, without
/// Domain-0, whose work is other than computing. Empty where there are none.
std::vector<VcpuHistory> histories_of(const Columns& events);

/// Over all whole windows in which at least two vCPUs wanted to run throughout: those share what
/// they got together in proportion to their weights, but no one gets more than one pCPU. That is
/// what was due to each; the error is |got - due| / due.
struct AllocationError {
    double window_ns = 0;
    std::size_t windows = 0;  ///< that had any; 0: the rest means nothing
    double mean = 0, greatest = 0;
};
AllocationError allocation_error(std::span<const VcpuHistory> histories, double window_ns);

/// Of one vCPU, over the windows of 10 ms in which it competed (as above).
struct Competition {
    double got_ns = 0, due_ns = 0;
    /// What was due so far less what it got, at its greatest, and the other way round; counted anew
    /// whenever it did not compete.
    double greatest_lag_ns = 0, greatest_lead_ns = 0;
};
/// One for each history.
std::vector<Competition> competition(std::span<const VcpuHistory> histories);

/// Jain's index of got / due, over those to whom something was due; 1 where that is nobody.
double fairness(std::span<const Competition> all);

}  // namespace ring3::analysis
