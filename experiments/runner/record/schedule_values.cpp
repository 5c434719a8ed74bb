// SPDX-License-Identifier: MIT
// From a trace to values: who had how much of the CPUs, and how long those waited who woke, while
// all domains were at work: from the moment at which the last of them began its first program to
// the first at which one had ended its last.
#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "experiments/runner/record/run_record.hpp"
#include "hv/trace/file.hpp"
#include "hv/trace/timeline.hpp"

namespace ring3::record {
namespace {

struct Window {
    std::uint64_t from_ns = 0, to_ns = 0;

    bool has(std::uint64_t ns) const { return from_ns <= ns && ns < to_ns; }
    /// How much of an interval is in it.
    std::uint64_t part_of(std::uint64_t begin, std::uint64_t end) const {
        const std::uint64_t first = std::max(begin, from_ns), last = std::min(end, to_ns);
        return last > first ? last - first : 0;
    }
};

std::optional<Window> contended(const RunRecord& record) {
    std::map<std::string, Window> at_work;
    for (const ConsoleLine& line : record.console) {
        const auto at_ns = static_cast<std::uint64_t>(line.at_ns);
        if (line.text.starts_with("start ")) at_work.try_emplace(line.domain, Window{at_ns, 0});
        if (line.text.starts_with("end "))
            if (const auto found = at_work.find(line.domain); found != at_work.end())
                found->second.to_ns = at_ns;
    }
    Window all{0, ~std::uint64_t{0}};
    for (const auto& [domain, own] : at_work) {
        all.from_ns = std::max(all.from_ns, own.from_ns);
        // Who works in the background goes on.
        if (own.to_ns != 0 && !record.background.contains(domain))
            all.to_ns = std::min(all.to_ns, own.to_ns);
    }
    if (at_work.empty() || all.to_ns <= all.from_ns || all.to_ns == ~std::uint64_t{0})
        return std::nullopt;
    return all;
}

struct Had {
    std::uint64_t ran_ns = 0, turns = 0;
    double retired = 0;
    std::vector<std::uint64_t> waits_ns;
};

std::map<std::uint16_t, Had> had_by_domain(const trace::File& events, const Window& window) {
    std::map<std::uint16_t, Had> had;
    for (const trace::Slice& slice : trace::slices(events.records)) {
        Had& own = had[slice.who.domain];
        own.ran_ns += window.part_of(slice.from_ns, slice.to_ns);
        if (window.has(slice.from_ns)) ++own.turns;
        if (slice.to_ns > slice.from_ns)
            own.retired += static_cast<double>(slice.retired) *
                           static_cast<double>(window.part_of(slice.from_ns, slice.to_ns)) /
                           static_cast<double>(slice.to_ns - slice.from_ns);
    }
    std::map<trace::VcpuName, std::uint64_t> woken;
    for (const trace::Record& record : events.records) {
        const trace::VcpuName who{record.domain, record.vcpu};
        if (record.event == trace::Event::wake) woken[who] = record.time_ns;
        if (record.event != trace::Event::run) continue;
        const auto found = woken.find(who);
        if (found == woken.end()) continue;
        if (window.has(found->second))
            had[who.domain].waits_ns.push_back(record.time_ns - found->second);
        woken.erase(found);
    }
    return had;
}

/// Names by number: the domains of a run are made in this order.
std::vector<std::string> names_of(const RunRecord& record) {
    std::vector<std::string> names{"Domain-0"};
    const auto listed = record.facts.find(domains_fact);
    if (listed == record.facts.end()) return names;
    std::istringstream words(listed->second);
    for (std::string name; std::getline(words, name, ',');) names.push_back(name);
    return names;
}

class Values {
public:
    void add(const std::string& domain, const char* metric, const char* unit, Better better,
             double value) {
        Value row;
        row.domain = domain;
        row.program = "schedule";
        row.metric = metric;
        row.unit = unit;
        row.better = better;
        row.ok = 1;
        row.value = row.guest_value = value;
        rows.push_back(row);
    }
    void add_waits(const std::string& domain, std::vector<std::uint64_t> waits_ns) {
        if (waits_ns.empty()) return;
        std::ranges::sort(waits_ns);
        double sum = 0;
        for (const std::uint64_t wait : waits_ns) sum += static_cast<double>(wait);
        const auto add_us = [&](const char* metric, double ns) {
            add(domain, metric, "us", Better::lower, ns / 1e3);
        };
        add_us("wait_mean", sum / static_cast<double>(waits_ns.size()));
        add_us("wait_median", static_cast<double>(trace::percentile(waits_ns, 50)));
        add_us("wait_p95", static_cast<double>(trace::percentile(waits_ns, 95)));
        add_us("wait_worst", static_cast<double>(waits_ns.back()));
    }
    std::vector<Value> rows;
};

}  // namespace

std::vector<Value> schedule_values(const RunRecord& record) {
    if (record.trace.empty()) return {};
    const auto window = contended(record);
    if (!window) return {};
    const trace::File events = trace::read_file(record.trace);
    const std::vector<std::string> names = names_of(record);
    const double seconds = static_cast<double>(window->to_ns - window->from_ns) / 1e9;
    Values values;
    double retired = 0;
    for (const auto& [domain, had] : had_by_domain(events, *window)) {
        if (domain >= names.size()) continue;
        values.add(names[domain], "cpus", "pCPUs", Better::higher,
                   static_cast<double>(had.ran_ns) / 1e9 / seconds);
        values.add(names[domain], "turns", "1/s", Better::lower,
                   static_cast<double>(had.turns) / seconds);
        values.add_waits(names[domain], had.waits_ns);
        retired += had.retired;
    }
    values.add("", "mips", "1/us", Better::higher, retired / 1e6 / seconds);
    values.add("", "window", "s", Better::higher, seconds);
    return std::move(values.rows);
}

}  // namespace ring3::record
