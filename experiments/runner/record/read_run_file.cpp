// SPDX-License-Identifier: MIT
#include <sstream>
#include <string>

#include "analysis/load/record_file.hpp"
#include "experiments/runner/record/run_record.hpp"

namespace ring3::record {

RecordedRun read_run_file(const std::filesystem::path& path) {
    const analysis::RecordFile file(path, run_format);
    const auto meta = file.attributes("/meta");
    RecordedRun run;
    run.descriptor = file.text("/meta/descriptor");
    run.clock = meta.at("clock");
    run.cell = static_cast<std::uint32_t>(std::stoul(meta.at("cell")));
    run.console = file.bytes("/console");
    std::istringstream settings(file.text("/meta/settings"));
    for (std::string line; std::getline(settings, line);) run.settings.push_back(line);
    return run;
}

}  // namespace ring3::record
