// SPDX-License-Identifier: MIT
#include "analysis/report/evaluation.hpp"

#include <algorithm>

#include <fmt/format.h>

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
    return evaluation;
}

const std::vector<Figure3Row>& figure3_rows() {
    static const std::vector<Figure3Row> rows{
        {"spec-int-like", "SPEC INT2000", {}},
        {"kernel-build", "Linux build time", {}},
        {"ir", "OSDB-IR", {"throughput", "tps"}},
        {"oltp", "OSDB-OLTP", {"throughput", "tps"}},
        {"dbench", "dbench", {"throughput"}},
        {"web", "SPEC WEB99", {"conforming", "conforming_connections"}},
    };
    return rows;
}

std::vector<Quantity> score_members(const Evaluation& evaluation, const std::string& workload,
                                    const std::string& size) {
    const std::vector<Quantity> all = members_of(evaluation.measured, workload, size);
    const auto row = std::ranges::find(figure3_rows(), workload, &Figure3Row::workload);
    if (row == figure3_rows().end()) return all;
    for (const char* metric : row->metrics) {
        std::vector<Quantity> chosen;
        for (const Quantity& quantity : all)
            if (quantity.metric == metric) chosen.push_back(quantity);
        if (!chosen.empty()) return chosen;
    }
    return all;
}

const std::vector<PaperTable>& paper_tables() {
    static const std::vector<const char*> lmbench{"L-UP", "Xen", "VMW", "UML"};
    static const std::vector<PaperTable> tables{
        {"Table3",
         "Table 3: processes, times in us",
         "os-latency",
         "us",
         {{"lmbench: null call", "null_call"},
          {"lmbench: null I/O", "null_io"},
          {"lmbench: stat", "stat"},
          {"lmbench: open/close", "open_close"},
          {"lmbench: slct TCP", "select_tcp"},
          {"lmbench: sig inst", "signal_install"},
          {"lmbench: sig hndl", "signal_handle"},
          {"lmbench: fork proc", "fork_proc"},
          {"lmbench: exec proc", "exec_proc"},
          {"lmbench: sh proc", "sh_proc"}},
         lmbench},
        {"Table4",
         "Table 4: context switches, times in us",
         "os-latency",
         "us",
         {{"lmbench: 2p/0K", "switch_2p_0k"},
          {"lmbench: 2p/16K", "switch_2p_16k"},
          {"lmbench: 2p/64K", "switch_2p_64k"},
          {"lmbench: 8p/16K", "switch_8p_16k"},
          {"lmbench: 8p/64K", "switch_8p_64k"},
          {"lmbench: 16p/16K", "switch_16p_16k"},
          {"lmbench: 16p/64K", "switch_16p_64k"}},
         lmbench},
        {"Table5",
         "Table 5: files and virtual memory, latencies in us",
         "os-latency",
         "us",
         {{"lmbench: 0K file create", "file_create_0k"},
          {"lmbench: 0K file delete", "file_delete_0k"},
          {"lmbench: 10K file create", "file_create_10k"},
          {"lmbench: 10K file delete", "file_delete_10k"},
          {"lmbench: mmap latency", "mmap"},
          {"lmbench: prot fault", "protection_fault"},
          {"lmbench: page fault", "page_fault"}},
         lmbench},
        {"Table6",
         "Table 6: TCP bandwidth in Mb/s",
         "net-bandwidth",
         "Mb/s",
         {{"ttcp TCP MTU 1500 TX", "mtu_1500_tx"},
          {"ttcp TCP MTU 1500 RX", "mtu_1500_rx"},
          {"ttcp TCP MTU 500 TX", "mtu_500_tx"},
          {"ttcp TCP MTU 500 RX", "mtu_500_rx"}},
         {"Linux", "Xen", "VMW", "UML"}},
    };
    return tables;
}

}  // namespace ring3::analysis
