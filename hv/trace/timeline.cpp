// SPDX-License-Identifier: MIT
#include "hv/trace/timeline.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace ring3::trace {
namespace {

VcpuName who(const Record& record) { return {record.domain, record.vcpu}; }

std::uint64_t end_of(std::span<const Record> records) {
    return records.empty() ? 0 : records.back().time_ns;
}

}  // namespace

std::string to_string(VcpuName name) {
    if (name.domain == idle_domain) return "idle";
    return name.vcpu == no_vcpu ? fmt::format("d{}", name.domain)
                                : fmt::format("d{}v{}", name.domain, name.vcpu);
}

std::vector<Slice> slices(std::span<const Record> records) {
    std::vector<Slice> all;
    /// Indices into `all`, by pCPU.
    std::map<std::uint16_t, std::size_t> open;
    for (const Record& record : records) {
        if (record.event == Event::run) {
            open[record.pcpu] = all.size();
            all.push_back({who(record), record.pcpu, record.time_ns, end_of(records),
                           record.arguments[0], std::nullopt, 0});
        } else if (const auto it = open.find(record.pcpu);
                   record.event == Event::stop && it != open.end()) {
            all[it->second].to_ns = record.time_ns;
            all[it->second].why = record.arguments[1];
            all[it->second].retired = record.arguments[2];
            open.erase(it);
        }
    }
    return all;
}

std::vector<Stay> stays(std::span<const Record> records) {
    std::vector<Stay> all;
    std::map<VcpuName, Stay> present;
    for (const Record& record : records) {
        if (record.event != Event::runstate) continue;
        const auto [it, is_first] = present.try_emplace(who(record));
        Stay& stay = it->second;
        if (!is_first) {
            stay.to_ns = record.time_ns;
            all.push_back(stay);
        }
        stay = {who(record), record.arguments[1], record.time_ns, record.time_ns};
    }
    for (auto& [name, stay] : present) {
        stay.to_ns = end_of(records);
        all.push_back(stay);
    }
    return all;
}

std::map<VcpuName, VcpuSummary> summarize(std::span<const Record> records) {
    std::map<VcpuName, VcpuSummary> all;
    std::map<VcpuName, std::uint64_t> woken;
    for (const Record& record : records) {
        if (record.vcpu == no_vcpu) continue;
        VcpuSummary& summary = all[who(record)];
        if (record.event == Event::wake) {
            ++summary.wakes;
            woken.try_emplace(who(record), record.time_ns);
        } else if (record.event == Event::run) {
            ++summary.runs;
            if (const auto it = woken.find(who(record)); it != woken.end()) {
                summary.wake_to_run_ns.push_back(record.time_ns - it->second);
                woken.erase(it);
            }
        } else if (record.event == Event::stop) {
            if (record.arguments[1] < summary.stops_by_why.size())
                ++summary.stops_by_why[record.arguments[1]];
        } else if (record.event == Event::hypercall || record.event == Event::multicall_entry) {
            ++summary.hypercalls[record.arguments[0]];
        } else if (record.event == Event::exception) {
            ++summary.exceptions[record.arguments[0]];
        }
    }
    for (const Stay& stay : stays(records))
        if (stay.state < run_states)
            all[stay.who].state_ns[stay.state] += stay.to_ns - stay.from_ns;
    for (auto& [name, summary] : all) std::ranges::sort(summary.wake_to_run_ns);
    return all;
}

std::uint64_t percentile(std::span<const std::uint64_t> sorted, unsigned percent) {
    const std::size_t rank = (sorted.size() * percent + 99) / 100;
    return sorted[std::max<std::size_t>(rank, 1) - 1];
}

}  // namespace ring3::trace
