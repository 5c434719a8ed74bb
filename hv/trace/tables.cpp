// SPDX-License-Identifier: MIT
#include "hv/trace/tables.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <fmt/ostream.h>

#include "hv/trace/timeline.hpp"

namespace ring3::trace {
namespace {

double milliseconds(std::uint64_t ns) { return static_cast<double>(ns) / 1e6; }
double microseconds(std::uint64_t ns) { return static_cast<double>(ns) / 1e3; }
double percent(std::uint64_t part, std::uint64_t whole) {
    return whole == 0 ? 0 : 100 * static_cast<double>(part) / static_cast<double>(whole);
}

using Counts = std::map<std::uint64_t, std::uint64_t>;

/// The most frequent first.
void print_counts(std::ostream& out, const char* head, Shown shown, const Counts& counts) {
    if (counts.empty()) return;
    std::vector<std::pair<std::uint64_t, std::uint64_t>> sorted(counts.begin(), counts.end());
    std::ranges::stable_sort(sorted,
                             [](const auto& a, const auto& b) { return a.second > b.second; });
    fmt::print(out, "  {}\n", head);
    for (const auto& [number, count] : sorted)
        fmt::print(out, "  {:>12}  {}\n", count, to_text(shown, number));
}

void print_latency(std::ostream& out, const std::vector<std::uint64_t>& sorted) {
    if (sorted.empty()) return;
    fmt::print(out, "  wake to run, us: median {:.3f}, 90% {:.3f}, 99% {:.3f}, most {:.3f}\n",
               microseconds(percentile(sorted, 50)), microseconds(percentile(sorted, 90)),
               microseconds(percentile(sorted, 99)), microseconds(sorted.back()));
}

void print_states(std::ostream& out, const VcpuSummary& summary) {
    std::uint64_t whole = 0;
    for (const std::uint64_t ns : summary.state_ns) whole += ns;
    if (whole == 0) return;
    for (std::size_t state = 0; state < run_states; ++state)
        if (summary.state_ns[state] != 0)
            fmt::print(out, "  {:<12} {:>14.3f} ms {:>7.2f}%\n",
                       value_name(Shown::run_state, state), milliseconds(summary.state_ns[state]),
                       percent(summary.state_ns[state], whole));
}

void print_vcpu(std::ostream& out, VcpuName name, const VcpuSummary& summary) {
    fmt::print(out, "\n{}\n", to_string(name));
    print_states(out, summary);
    if (summary.runs + summary.wakes != 0) {
        fmt::print(out, "  got a pCPU {} times, woke {} times; lost it", summary.runs,
                   summary.wakes);
        for (std::size_t why = 0; why < summary.stops_by_why.size(); ++why)
            fmt::print(out, "{} {} {}", why == 0 ? "" : ",", value_name(Shown::why, why),
                       summary.stops_by_why[why]);
        fmt::print(out, "\n");
    }
    print_latency(out, summary.wake_to_run_ns);
    print_counts(out, "hypercalls", Shown::hypercall, summary.hypercalls);
    print_counts(out, "exceptions", Shown::vector, summary.exceptions);
}

std::string arguments_of(const Record& record, const EventInfo& info, char between) {
    std::string text;
    for (std::size_t i = 0; i < info.arguments.size(); ++i) {
        const Argument& argument = info.arguments[i];
        if (argument.shown == Shown::unused) continue;
        if (!text.empty()) text += between;
        text += fmt::format("{}={}", argument.name, to_text(argument.shown, record.arguments[i]));
    }
    return text;
}

}  // namespace

void print_schema(std::ostream& out) {
    for (const ClassInfo& info : classes()) {
        fmt::print(out, "{}{}: {}\n", info.name, info.is_default ? " (default)" : "", info.meaning);
        for (const EventInfo& event : events()) {
            if (class_of(event.event) != info.id) continue;
            std::string names;
            for (const Argument& argument : event.arguments)
                if (argument.shown != Shown::unused) names += fmt::format(" {}", argument.name);
            fmt::print(out, "  {:#06x} {:<20} {}{}{}\n", static_cast<unsigned>(event.event),
                       event.name, event.meaning, names.empty() ? "" : ":", names);
        }
    }
}

void print_summary(std::ostream& out, const File& file) {
    const std::uint64_t end = file.records.empty() ? 0 : file.records.back().time_ns;
    fmt::print(out, "{} events of {} in {:.6f} s of {} time\n", file.records.size(),
               to_string(file.classes), static_cast<double>(end) / 1e9,
               file.is_virtual ? "virtual" : "wall");
    std::map<std::uint16_t, std::uint64_t> busy;
    for (const Slice& slice : slices(file.records)) busy[slice.pcpu] += slice.to_ns - slice.from_ns;
    for (const auto& [pcpu, ns] : busy)
        fmt::print(out, "pCPU {}: busy {:.3f} ms, {:.2f}%\n", pcpu, milliseconds(ns),
                   percent(ns, end));
    for (const auto& [name, summary] : summarize(file.records)) print_vcpu(out, name, summary);
}

void print_intervals(std::ostream& out, const File& file) {
    fmt::print(out, "{:>16} {:>16} {:>5}  {:<8} {:>14} {:>14}  why it stopped\n", "from_ns",
               "to_ns", "pcpu", "vcpu", "ran_ns", "slice_ns");
    for (const Slice& slice : slices(file.records))
        fmt::print(out, "{:>16} {:>16} {:>5}  {:<8} {:>14} {:>14}  {}\n", slice.from_ns,
                   slice.to_ns, slice.pcpu, to_string(slice.who), slice.to_ns - slice.from_ns,
                   slice.slice_ns,
                   slice.why ? to_text(Shown::why, *slice.why) : "end of the trace");
}

void print_run_states(std::ostream& out, const File& file) {
    fmt::print(out, "{:<8} {:<10} {:>16} {:>16} {:>14}\n", "vcpu", "state", "from_ns", "to_ns",
               "spent_ns");
    std::vector<Stay> all = stays(file.records);
    std::ranges::stable_sort(all, [](const Stay& a, const Stay& b) {
        return std::pair{a.who, a.from_ns} < std::pair{b.who, b.from_ns};
    });
    for (const Stay& stay : all)
        fmt::print(out, "{:<8} {:<10} {:>16} {:>16} {:>14}\n", to_string(stay.who),
                   to_text(Shown::run_state, stay.state), stay.from_ns, stay.to_ns,
                   stay.to_ns - stay.from_ns);
}

void print_csv(std::ostream& out, const File& file) {
    fmt::print(out, "time_ns,pcpu,domain,vcpu,class,event,argument1,argument2,argument3,text\n");
    for (const Record& record : file.records) {
        const EventInfo* const info = find(record.event);
        const auto class_number = static_cast<std::size_t>(class_of(record.event));
        fmt::print(
            out, "{},{},{},{},{},{},{},{},{},{}\n", record.time_ns, record.pcpu, record.domain,
            record.vcpu, class_number < classes().size() ? classes()[class_number].name : "unknown",
            info != nullptr ? info->name : "unknown", record.arguments[0], record.arguments[1],
            record.arguments[2], info != nullptr ? arguments_of(record, *info, ' ') : "");
    }
}

namespace {

/// Times are microseconds with three digits behind the point: nothing is rounded.
std::string in_microseconds(std::uint64_t ns) {
    return fmt::format("{}.{:03}", ns / 1000, ns % 1000);
}

/// Processes of the viewer: one for the pCPUs, one for each domain.
constexpr unsigned pcpus_process = 1, first_domain_process = 100;

class PerfettoWriter {
public:
    explicit PerfettoWriter(std::ostream& out) : out_(out) {
        fmt::print(out_, "{{\"displayTimeUnit\":\"ns\",\"traceEvents\":[");
    }
    ~PerfettoWriter() { fmt::print(out_, "\n]}}\n"); }

    void name(const char* what, unsigned process, unsigned thread, const std::string& name) {
        put(fmt::format(R"("ph":"M","name":"{}","pid":{},"tid":{},"args":{{"name":"{}"}})", what,
                        process, thread, name));
    }
    void interval(unsigned process, unsigned thread, const std::string& name, std::uint64_t from,
                  std::uint64_t to) {
        put(fmt::format(R"("ph":"X","name":"{}","pid":{},"tid":{},"ts":{},"dur":{})", name, process,
                        thread, in_microseconds(from), in_microseconds(to - from)));
    }
    void moment(unsigned process, unsigned thread, std::string_view name, std::uint64_t when,
                const std::string& text) {
        put(fmt::format(
            R"("ph":"i","s":"t","name":"{}","pid":{},"tid":{},"ts":{},"args":{{"text":"{}"}})",
            name, process, thread, in_microseconds(when), text));
    }

private:
    void put(const std::string& inside) {
        fmt::print(out_, "{}\n{{{}}}", is_first_ ? "" : ",", inside);
        is_first_ = false;
    }

    std::ostream& out_;
    bool is_first_ = true;
};

void name_all(PerfettoWriter& writer, const File& file) {
    writer.name("process_name", pcpus_process, 0, "pCPUs");
    std::map<std::uint16_t, bool> pcpus;
    std::map<VcpuName, bool> vcpus;
    for (const Record& record : file.records) {
        pcpus[record.pcpu] = true;
        if (record.domain != idle_domain) vcpus[{record.domain, record.vcpu}] = true;
    }
    for (const auto& [pcpu, seen] : pcpus)
        writer.name("thread_name", pcpus_process, pcpu, fmt::format("pCPU {}", pcpu));
    for (const auto& [vcpu, seen] : vcpus) {
        writer.name("process_name", first_domain_process + vcpu.domain, 0,
                    fmt::format("domain {}", vcpu.domain));
        writer.name("thread_name", first_domain_process + vcpu.domain, vcpu.vcpu,
                    vcpu.vcpu == no_vcpu ? "devices" : to_string(vcpu));
    }
}

bool is_interval(Event event) {
    return event == Event::run || event == Event::stop || event == Event::runstate ||
           event == Event::idle;
}

}  // namespace

void print_perfetto(std::ostream& out, const File& file) {
    PerfettoWriter writer(out);
    name_all(writer, file);
    for (const Slice& slice : slices(file.records))
        writer.interval(pcpus_process, slice.pcpu, to_string(slice.who), slice.from_ns,
                        slice.to_ns);
    for (const Stay& stay : stays(file.records))
        writer.interval(first_domain_process + stay.who.domain, stay.who.vcpu,
                        to_text(Shown::run_state, stay.state), stay.from_ns, stay.to_ns);
    for (const Record& record : file.records) {
        const EventInfo* const info = find(record.event);
        if (info == nullptr || is_interval(record.event)) continue;
        writer.moment(first_domain_process + record.domain, record.vcpu, info->name, record.time_ns,
                      arguments_of(record, *info, ' '));
    }
}

}  // namespace ring3::trace
