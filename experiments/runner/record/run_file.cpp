// SPDX-License-Identifier: MIT
#include <cstdlib>

#include <fmt/format.h>

#include "experiments/runner/record/hdf5_file.hpp"
#include "experiments/runner/record/run_record.hpp"
#include "experiments/runner/record/steady.hpp"
#include "hv/base/sha256.hpp"
#include "hv/trace/file.hpp"

namespace ring3::record {
namespace {

std::string console_text(const RunRecord& record) {
    std::string text;
    for (const ConsoleLine& line : record.console) {
        const std::string domain = line.domain.empty() ? "" : line.domain + " ";
        // A host's times differ from run to run, and a virtual clock's do not.
        text += fmt::format("[{:>14.6f}] {}{}\n", static_cast<double>(line.at_ns) / 1e9, domain,
                            line.text);
    }
    return text;
}

void write_meta(Hdf5File& file, const RunRecord& record) {
    file.group("/meta");
    file.attribute("/meta", "cell", record.cell);
    file.attribute("/meta", "platform", record.platform);
    file.attribute("/meta", "platform_kind", record.platform_kind);
    file.attribute("/meta", "workload", record.workload);
    file.attribute("/meta", "size", record.size);
    file.attribute("/meta", "seed", record.seed);
    file.attribute("/meta", "clock", record.clock);
    file.attribute("/meta", "factors", record.factors);
    file.attribute("/meta", "status", status_names.at(static_cast<std::size_t>(record.status)));
    file.attribute("/meta", "reason", record.reason);
    file.attribute("/meta", "exit_code", static_cast<std::uint64_t>(record.exit_code));
    for (const auto& [what, version] : record.software)
        file.attribute("/meta", "software_" + what, version);
    for (const auto& [name, value] : record.facts) {
        const bool is_number = value.find_first_not_of("0123456789") == std::string::npos;
        if (is_number && value.size() < 20)
            file.attribute("/meta", name, std::strtoull(value.c_str(), nullptr, 10));
        else
            file.attribute("/meta", name, value);
    }
    file.text("/meta/descriptor", record.descriptor);
    std::string settings;
    for (const std::string& setting : record.settings) settings += setting + "\n";
    file.text("/meta/settings", settings);
    file.text("/meta/config", record.config);
    file.text("/meta/command", record.command);
}

void write_trace(Hdf5File& file, const std::filesystem::path& path) {
    const trace::File events = trace::read_file(path);
    file.group("/trace");
    std::vector<EventKind> dictionary;
    for (const trace::EventInfo& info : trace::events())
        dictionary.push_back({static_cast<std::uint16_t>(info.event), info.name, info.meaning,
                              info.arguments[0].name, info.arguments[1].name,
                              info.arguments[2].name});
    file.table("/trace/dictionary", "Events and their arguments", event_kind_columns, dictionary);
    std::vector<TraceEvent> rows;
    for (const trace::Record& record : events.records)
        rows.push_back({record.time_ns, record.pcpu, record.domain, record.vcpu,
                        static_cast<std::uint16_t>(record.event), record.arguments[0],
                        record.arguments[1], record.arguments[2]});
    file.table("/trace/events", "Events", trace_event_columns, rows);
}

void write_series(Hdf5File& file, const std::vector<MachineSample>& samples) {
    std::vector<MemorySample> memory;
    std::vector<RunStateSample> run_states;
    std::vector<RingSample> rings;
    const auto ns = [](Duration time) { return static_cast<std::uint64_t>(time.count()); };
    for (const MachineSample& sample : samples)
        for (const DomainSample& domain : sample.domains) {
            const std::uint64_t at = ns(sample.at.time_since_epoch());
            memory.push_back({at, domain.name, domain.memory.raw, domain.target.raw});
            std::uint32_t vcpu = 0;
            for (const auto& states : domain.run_states)
                run_states.push_back({at, domain.name, vcpu++, ns(states[0]), ns(states[1]),
                                      ns(states[2]), ns(states[3])});
            for (const auto& [device, depth] : domain.rings)
                rings.push_back({at, domain.name, device, depth.ring, depth.waiting,
                                 depth.in_flight, depth.size});
        }
    file.group("/series");
    file.table("/series/memory", "Memory of domains over time", memory_sample_columns, memory);
    file.table("/series/runstates", "Time of vCPUs in each state", run_state_sample_columns,
               run_states);
    file.table("/series/rings", "Depths of rings over time", ring_sample_columns, rings);
}

}  // namespace

void write_run_file(const std::filesystem::path& path, const RunRecord& record) {
    Hdf5File file(path, run_format, sha256_hex(record.descriptor));
    write_meta(file, record);
    file.group("/result");
    const std::vector<Value> values = values_of(record);
    file.table("/result/values", "Values by program, metric and iteration", value_columns, values);
    if (const std::vector<Steady> rows = steady_rows(record, values); !rows.empty())
        file.table("/result/steady", "Where iterations became steady", steady_columns, rows);
    if (const auto schedule = schedule_values(record); !schedule.empty())
        file.table("/result/schedule", "Who had the CPUs while all domains were at work",
                   value_columns, schedule);
    file.bytes("/console", console_text(record));
    if (!record.samples.empty()) write_series(file, record.samples);
    if (!record.trace.empty()) write_trace(file, record.trace);
    file.commit();
}

}  // namespace ring3::record
