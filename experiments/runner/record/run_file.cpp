// SPDX-License-Identifier: MIT
#include <cstddef>
#include <cstdlib>

#include <fmt/format.h>

#include "experiments/runner/record/hdf5_file.hpp"
#include "experiments/runner/record/run_record.hpp"
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

/// What the events of this version are, so that a file explains itself.
struct EventRow {
    std::uint16_t code;
    Text<32> name;
    Text<96> meaning;
    Text<24> first, second, third;
};
#define RING3_COLUMN(Row, name, kind) \
    Column { #name, Kind::kind, offsetof(Row, name), sizeof(Row::name) }
constexpr std::array event_row_columns{
    RING3_COLUMN(EventRow, code, u16),     RING3_COLUMN(EventRow, name, text),
    RING3_COLUMN(EventRow, meaning, text), RING3_COLUMN(EventRow, first, text),
    RING3_COLUMN(EventRow, second, text),  RING3_COLUMN(EventRow, third, text),
};
struct TraceRow {
    std::uint64_t time_ns;
    std::uint16_t pcpu, domain, vcpu, event;
    std::uint64_t first, second, third;
};
constexpr std::array trace_columns{
    RING3_COLUMN(TraceRow, time_ns, u64), RING3_COLUMN(TraceRow, pcpu, u16),
    RING3_COLUMN(TraceRow, domain, u16),  RING3_COLUMN(TraceRow, vcpu, u16),
    RING3_COLUMN(TraceRow, event, event), RING3_COLUMN(TraceRow, first, u64),
    RING3_COLUMN(TraceRow, second, u64),  RING3_COLUMN(TraceRow, third, u64),
};
#undef RING3_COLUMN

void write_trace(Hdf5File& file, const std::filesystem::path& path) {
    const trace::File events = trace::read_file(path);
    file.group("/trace");
    std::vector<EventRow> dictionary;
    for (const trace::EventInfo& info : trace::events())
        dictionary.push_back({static_cast<std::uint16_t>(info.event), info.name, info.meaning,
                              info.arguments[0].name, info.arguments[1].name,
                              info.arguments[2].name});
    file.table("/trace/dictionary", "Events and their arguments", event_row_columns, dictionary);
    std::vector<TraceRow> rows;
    for (const trace::Record& record : events.records)
        rows.push_back({record.time_ns, record.pcpu, record.domain, record.vcpu,
                        static_cast<std::uint16_t>(record.event), record.arguments[0],
                        record.arguments[1], record.arguments[2]});
    file.table("/trace/events", "Events", trace_columns, rows);
}

}  // namespace

void write_run_file(const std::filesystem::path& path, const RunRecord& record) {
    Hdf5File file(path, run_format, sha256_hex(record.descriptor));
    write_meta(file, record);
    file.group("/result");
    file.table("/result/values", "Values by program, metric and iteration", value_columns,
               values_of(record));
    if (const auto schedule = schedule_values(record); !schedule.empty())
        file.table("/result/schedule", "Who had the CPUs while all domains were at work",
                   value_columns, schedule);
    file.bytes("/console", console_text(record));
    if (!record.trace.empty()) write_trace(file, record.trace);
    file.commit();
}

}  // namespace ring3::record
