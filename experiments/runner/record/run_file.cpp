// SPDX-License-Identifier: MIT
#include <cstdlib>

#include <fmt/format.h>

#include "experiments/runner/record/hdf5_file.hpp"
#include "experiments/runner/record/run_record.hpp"
#include "hv/base/sha256.hpp"

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

}  // namespace

void write_run_file(const std::filesystem::path& path, const RunRecord& record) {
    Hdf5File file(path, run_format, sha256_hex(record.descriptor));
    write_meta(file, record);
    file.group("/result");
    file.table("/result/values", "Values by program, metric and iteration", value_columns,
               values_of(record));
    file.bytes("/console", console_text(record));
    file.commit();
}

}  // namespace ring3::record
