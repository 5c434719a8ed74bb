// SPDX-License-Identifier: MIT
// Who ran when, on which pCPU, and in which state each vCPU was: intervals, from records.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "hv/trace/schema.hpp"

namespace ring3::trace {

struct VcpuName {
    std::uint16_t domain = 0, vcpu = 0;

    friend auto operator<=>(const VcpuName&, const VcpuName&) = default;
};
/// "d1v0"
std::string to_string(VcpuName name);

inline constexpr std::size_t run_states = 4;

/// From a run to its stop; the last of a pCPU may have no stop: it ends with the trace.
struct Slice {
    VcpuName who;
    std::uint16_t pcpu = 0;
    std::uint64_t from_ns = 0, to_ns = 0;
    std::uint64_t slice_ns = 0;
    /// A number of Shown::why.
    std::optional<std::uint64_t> why;
    /// Instructions; of one that did not end, unknown.
    std::uint64_t retired = 0;
};
/// In the order of their beginnings.
std::vector<Slice> slices(std::span<const Record> records);

/// One state of a vCPU.
struct Stay {
    VcpuName who;
    std::uint64_t state = 0;  ///< a number of Shown::run_state
    std::uint64_t from_ns = 0, to_ns = 0;
};
/// In the order of their ends. What was before the first record of a vCPU is left out.
std::vector<Stay> stays(std::span<const Record> records);

struct VcpuSummary {
    std::array<std::uint64_t, run_states> state_ns{};
    std::uint64_t runs = 0, wakes = 0;
    std::array<std::uint64_t, 4> stops_by_why{};
    /// From a wake to the run after it, sorted.
    std::vector<std::uint64_t> wake_to_run_ns;
    /// How often, by the number of the hypercall; of the vector.
    std::map<std::uint64_t, std::uint64_t> hypercalls, exceptions;
};
std::map<VcpuName, VcpuSummary> summarize(std::span<const Record> records);

/// The smallest value that `percent` of 100 of them do not exceed. Sorted values, at least one.
std::uint64_t percentile(std::span<const std::uint64_t> sorted, unsigned percent);

}  // namespace ring3::trace
