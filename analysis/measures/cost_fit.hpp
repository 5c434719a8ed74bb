// SPDX-License-Identifier: MIT
// From measured times of an operating system's services, and from how many events of each kind a
// service is made of, to what an event costs: least squares of the relative errors, with no cost
// below zero.
#pragma once

#include <array>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "hv/base/cost.hpp"

namespace ring3::analysis {

/// What one call of a service is made of: a row of experiments/costs/counts.csv.
struct EventCounts {
    std::string row;  ///< a metric of the workload os-latency: "null_call"
    /// By Cost. cold_cache counts KiB of a working set that have left the cache meanwhile.
    std::array<double, cost_count> count{};
};

/// What can be told apart by such services. The others are derived (all_costs).
std::span<const Cost> fitted_costs();

std::filesystem::path event_counts_file();
/// ConfigError, with file and line, where it is malformed.
std::vector<EventCounts> load_event_counts(const std::filesystem::path& path);
/// Its text: what load_event_counts() reads.
std::string text_of(std::span<const EventCounts> counts);

/// From how long each row takes in us where an instruction takes a nanosecond and nothing else
/// takes time, and where one event takes `step_ns` as well. The rows of `plain` in order.
std::vector<EventCounts> count_events(
    const std::vector<std::pair<std::string, double>>& plain_us,
    const std::map<Cost, std::map<std::string, double>>& with_step_us, double step_ns);

using CostsNs = std::array<double, cost_count>;

/// A kernel on the machine itself makes no hypercalls, and what it asks of the MMU is in the price
/// of its other events.
enum class Kernel : std::uint8_t { paravirtual, native };

/// What one call of a service took.
struct ServiceTime {
    std::string row;
    double us = 0;
    Kernel kernel = Kernel::paravirtual;
};

/// What an event costs, and how well that tells the times that it was fitted to.
struct CostFit {
    /// By Cost, those that are fitted; cold_cache per KiB.
    CostsNs ns{};
    struct Row {
        ServiceTime measured;
        double fitted_us = 0;
    };
    std::vector<Row> rows;
};

/// Times of rows without counts are left out; at least as many as there are costs must be left:
/// ConfigError else.
CostFit fit_costs(std::span<const EventCounts> counts, std::span<const ServiceTime> times);

/// Those that are fitted, and those that such rows do not tell apart, derived from them: an entry
/// for an event costs as one for an exception; from one vCPU to another it is a hypercall's way and
/// another root of tables; a cold cache is refilled at the price per KiB, and a frame scrubbed; a
/// request of a device is a notification and an event; its bytes are not copied.
CostsNs all_costs(const CostFit& fit, double cache_kib);

/// What the fit says of any row.
double predicted_us(const CostFit& fit, const EventCounts& counts,
                    Kernel kernel = Kernel::paravirtual);

}  // namespace ring3::analysis
