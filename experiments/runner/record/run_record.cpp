// SPDX-License-Identifier: MIT
#include "experiments/runner/record/run_record.hpp"

#include <nlohmann/json.hpp>

#include "experiments/runner/record/spool.hpp"

namespace ring3::record {
namespace {

using Json = nlohmann::json;

/// A guest may print any bytes: what is no UTF-8 is kept as well as JSON can.
std::string dumped(const Json& json) {
    return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace

std::string block_of_begin(const RunRecord& record) {
    return dumped({{"cell", record.cell},
                   {"seed", record.seed},
                   {"platform", record.platform},
                   {"platform_kind", record.platform_kind},
                   {"workload", record.workload},
                   {"size", record.size},
                   {"clock", record.clock},
                   {"factors", record.factors},
                   {"descriptor", record.descriptor},
                   {"settings", record.settings},
                   {"iterations", record.iterations},
                   {"programs", record.programs},
                   {"background", record.background},
                   {"higher_is_better", record.higher_is_better}});
}

std::string block_of_line(const ConsoleLine& line) {
    return dumped({{"at_ns", line.at_ns}, {"domain", line.domain}, {"text", line.text}});
}

std::string block_of_end(const RunRecord& record) {
    return dumped({{"status", static_cast<int>(record.status)},
                   {"reason", record.reason},
                   {"exit_code", record.exit_code},
                   {"facts", record.facts},
                   {"config", record.config},
                   {"command", record.command}});
}

std::filesystem::path trace_beside(const std::filesystem::path& spool) {
    return std::filesystem::path(spool).replace_extension(".trace");
}

RunRecord record_from(const std::filesystem::path& spool) {
    RunRecord record;
    record.reason = "the run was killed";
    if (std::filesystem::exists(trace_beside(spool))) record.trace = trace_beside(spool);
    for (const std::string& block : read_spool(spool)) {
        const Json json = Json::parse(block);
        if (json.contains("at_ns")) {
            record.console.push_back({json["at_ns"], json["domain"], json["text"]});
        } else if (json.contains("status")) {
            record.status = static_cast<Status>(json["status"].get<int>());
            record.reason = json["reason"];
            record.exit_code = json["exit_code"];
            json["facts"].get_to(record.facts);
            record.config = json["config"];
            record.command = json["command"];
        } else {
            record.cell = json["cell"];
            record.seed = json["seed"];
            record.platform = json["platform"];
            record.platform_kind = json["platform_kind"];
            record.workload = json["workload"];
            record.size = json["size"];
            record.clock = json["clock"];
            record.factors = json["factors"];
            record.descriptor = json["descriptor"];
            json["settings"].get_to(record.settings);
            json["iterations"].get_to(record.iterations);
            json["programs"].get_to(record.programs);
            json["background"].get_to(record.background);
            json["higher_is_better"].get_to(record.higher_is_better);
        }
    }
    return record;
}

}  // namespace ring3::record
