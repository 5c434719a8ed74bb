// SPDX-License-Identifier: MIT
#include "analysis/report/evaluation.hpp"

#include <algorithm>
#include <tuple>

#include <fmt/format.h>

#include "analysis/measures/software.hpp"

namespace ring3::analysis {

std::vector<std::string> Evaluation::platforms() const {
    std::vector<std::string> names;
    for (const Measured& one : measured)
        if (std::ranges::find(names, one.point.platform) == names.end())
            names.push_back(one.point.platform);
    return names;
}

std::string Evaluation::kind_of(const std::string& platform) const {
    for (const Measured& one : measured)
        if (one.point.platform == platform) return one.point.platform_kind;
    return "";
}

bool Evaluation::has_baseline_only() const {
    return std::ranges::all_of(
        measured, [&](const Measured& one) { return one.point.platform == campaign.baseline; });
}

bool Evaluation::is_refused(const Point& point) const {
    return std::ranges::find(refusals, point, &Refusal::point) != refusals.end();
}

const Measured* Evaluation::baseline_of(const Measured& one) const {
    if (is_refused(one.point)) return nullptr;
    if (!has_baseline_only()) return analysis::baseline_of(measured, one, campaign.baseline);
    const auto first = std::ranges::find_if(measured, [&](const Measured& other) {
        return other.point.workload == one.point.workload && other.point.size == one.point.size;
    });
    return &*first;
}

std::string Evaluation::baseline_name() const {
    return has_baseline_only() && !measured.empty() ? measured[0].point.label() : campaign.baseline;
}

bool Evaluation::has_both_clocks() const {
    const auto is_virtual = [](const Measured& one) { return one.point.is_virtual(); };
    return std::ranges::any_of(measured, is_virtual) && !std::ranges::all_of(measured, is_virtual);
}

std::string Evaluation::label(const Point& point) const {
    return has_both_clocks() && point.is_virtual() ? point.label() + " (virtual time)"
                                                   : point.label();
}

Evaluation evaluate(Campaign campaign) {
    Evaluation evaluation;
    evaluation.measured = measure(campaign);
    evaluation.claims = evaluate_claims(campaign, evaluation.measured);
    evaluation.published = load_published(published_folder());
    evaluation.campaign = std::move(campaign);
    for (const Measured& one : evaluation.measured) {
        const Measured* const base = evaluation.baseline_of(one);
        if (base == nullptr) continue;
        const auto unnamed = unnamed_differences(evaluation.campaign, one.point, base->point);
        if (!unnamed.empty())
            evaluation.refusals.push_back(
                {one.point, refusal_text(one.point, base->point, unnamed)});
    }
    return evaluation;
}

const std::vector<Figure3Row>& figure3_rows() {
    static const std::vector<Figure3Row> rows{
        {"SPEC INT2000", "spec-int-like", {{"", "", ""}}},
        {"Linux build time", "kernel-build", {{"", "", ""}}},
        {"OSDB-IR", "osdb-like", {{"ir", "", ""}}},
        {"OSDB-OLTP", "osdb-like", {{"oltp", "", ""}, {"oltp-nosync", "", "without fsync"}}},
        {"dbench", "dbench", {{"timed", "throughput", ""}, {"fixed", "", "fixed work"}}},
        {"SPEC WEB99", "web", {{"conforming", "conforming", ""}, {"closed", "", "closed loop"}}},
    };
    return rows;
}

namespace {

std::vector<Quantity> chosen(const std::vector<Quantity>& all, const Figure3Row::Choice& choice) {
    const std::string program = choice.program, metric = choice.metric;
    std::vector<Quantity> result;
    for (const Quantity& quantity : all)
        if ((program.empty() || quantity.program == program) &&
            (metric.empty() || quantity.metric == metric))
            result.push_back(quantity);
    return result;
}

}  // namespace

std::string Suite::label() const {
    const std::string sized = size.empty() ? workload : fmt::format("{} ({})", workload, size);
    // Where one workload has several rows, the row tells which is meant.
    std::string text = sized;
    if (row != nullptr && workload == "osdb-like") text += fmt::format(": {}", row->title);
    return remark.empty() ? text : fmt::format("{}, {}", text, remark);
}

std::vector<Suite> suites_of(const Evaluation& evaluation) {
    std::vector<Suite> suites;
    for (const Measured& one : evaluation.measured) {
        if (std::ranges::any_of(suites, [&](const Suite& suite) { return suite.holds(one); }))
            continue;
        const auto& [workload, size] = std::tie(one.point.workload, one.point.size);
        const std::vector<Quantity> all = members_of(evaluation.measured, workload, size);
        const std::size_t before = suites.size();
        for (const Figure3Row& row : figure3_rows()) {
            if (row.workload != workload) continue;
            for (const Figure3Row::Choice& choice : row.choices) {
                std::vector<Quantity> members = chosen(all, choice);
                if (members.empty()) continue;
                suites.push_back({workload, size, &row, choice.remark, std::move(members)});
                break;
            }
        }
        // Also where nothing was measured: what happened is to be told.
        if (suites.size() == before) suites.push_back({workload, size, nullptr, "", all});
    }
    return suites;
}

const std::vector<PaperTable>& paper_tables() {
    static const std::vector<const char*> lmbench{"L-UP", "Xen", "VMW", "UML"};
    static const std::vector<PaperTable> tables{
        {"Table3",
         "Table 3: processes, times in us",
         "os-latency",
         {{"lmbench: null call", "", "null_call"},
          {"lmbench: null I/O", "", "null_io"},
          {"lmbench: stat", "", "stat"},
          {"lmbench: open/close", "", "open_close"},
          {"lmbench: slct TCP", "", "select_tcp"},
          {"lmbench: sig inst", "", "signal_install"},
          {"lmbench: sig hndl", "", "signal_handle"},
          {"lmbench: fork proc", "", "fork_proc"},
          {"lmbench: exec proc", "", "exec_proc"},
          {"lmbench: sh proc", "", "sh_proc"}},
         lmbench,
         {}},
        {"Table4",
         "Table 4: context switches, times in us",
         "os-latency",
         {{"lmbench: 2p/0K", "", "switch_2p_0k"},
          {"lmbench: 2p/16K", "", "switch_2p_16k"},
          {"lmbench: 2p/64K", "", "switch_2p_64k"},
          {"lmbench: 8p/16K", "", "switch_8p_16k"},
          {"lmbench: 8p/64K", "", "switch_8p_64k"},
          {"lmbench: 16p/16K", "", "switch_16p_16k"},
          {"lmbench: 16p/64K", "", "switch_16p_64k"}},
         lmbench,
         {}},
        {"Table5",
         "Table 5: files and virtual memory, latencies in us",
         "os-latency",
         {{"lmbench: 0K file create", "", "file_create_0k"},
          {"lmbench: 0K file delete", "", "file_delete_0k"},
          {"lmbench: 10K file create", "", "file_create_10k"},
          {"lmbench: 10K file delete", "", "file_delete_10k"},
          {"lmbench: mmap latency", "", "mmap"},
          {"lmbench: prot fault", "", "protection_fault"},
          {"lmbench: page fault", "", "page_fault"}},
         lmbench,
         {}},
        {"Table6",
         "Table 6: TCP bandwidth in Mb/s",
         "net-bandwidth",
         {{"ttcp TCP MTU 1500 TX", "send-1500", "time"},
          {"ttcp TCP MTU 1500 RX", "receive-1500", "time"},
          {"ttcp TCP MTU 500 TX", "send-500", "time"},
          {"ttcp TCP MTU 500 RX", "receive-500", "time"},
          {"within one system, 1500", "loopback-1500", "time"},
          {"within one system, 500", "loopback-500", "time"}},
         {"Linux", "Xen", "VMW", "UML"},
         {{"test", 8}, {"train", 100}, {"ref", 400}}},
    };
    return tables;
}

}  // namespace ring3::analysis
