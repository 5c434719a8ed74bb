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

std::vector<std::int64_t> counts(const std::array<Duration, 4>& times) {
    std::vector<std::int64_t> all;
    for (const Duration time : times) all.push_back(time.count());
    return all;
}

Json json_of(const DomainSample& domain) {
    Json vcpus = Json::array(), rings = Json::array();
    for (const auto& states : domain.run_states) vcpus.push_back(counts(states));
    for (const auto& [device, depth] : domain.rings)
        rings.push_back({device, depth.ring, depth.waiting, depth.in_flight, depth.size});
    return {{"id", domain.id.raw},         {"name", domain.name}, {"pages", domain.memory.raw},
            {"target", domain.target.raw}, {"vcpus", vcpus},      {"rings", rings}};
}

DomainSample domain_sample(const Json& json) {
    DomainSample domain;
    domain.id = DomainId{json.at("id").get<std::uint16_t>()};
    domain.name = json.at("name");
    domain.memory = Frames{json.at("pages").get<std::uint64_t>()};
    domain.target = Frames{json.at("target").get<std::uint64_t>()};
    for (const Json& times : json.at("vcpus")) {
        auto& states = domain.run_states.emplace_back();
        for (std::size_t i = 0; i < states.size(); ++i)
            states[i] = Duration{times[i].get<std::int64_t>()};
    }
    for (const Json& ring : json.at("rings"))
        domain.rings.push_back({ring[0], {ring[1], ring[2], ring[3], ring[4]}});
    return domain;
}

}  // namespace

std::string block_of_begin(const RunRecord& record) {
    Json planned = Json::object();
    for (const auto& [domain, one] : record.planned)
        planned[domain] = {{"programs", one.programs},
                           {"iterations", one.iterations},
                           {"steady", {one.steady.window, one.steady.variation, one.steady.drift}}};
    return dumped({{"cell", record.cell},
                   {"seed", record.seed},
                   {"platform", record.platform},
                   {"platform_kind", record.platform_kind},
                   {"workload", record.workload},
                   {"size", record.size},
                   {"clock", record.clock},
                   {"factors", record.factors},
                   {"software", record.software},
                   {"descriptor", record.descriptor},
                   {"settings", record.settings},
                   {"planned", planned},
                   {"background", record.background},
                   {"higher_is_better", record.higher_is_better}});
}

std::string block_of_line(const ConsoleLine& line) {
    return dumped({{"at_ns", line.at_ns}, {"domain", line.domain}, {"text", line.text}});
}

std::string block_of_sample(const MachineSample& sample) {
    Json domains = Json::array();
    for (const DomainSample& domain : sample.domains) domains.push_back(json_of(domain));
    return dumped({{"sample_ns", sample.at.time_since_epoch().count()}, {"domains", domains}});
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

namespace {

void add_block(RunRecord& record, const Json& json) {
    if (json.contains("at_ns")) {
        record.console.push_back({json.at("at_ns"), json.at("domain"), json.at("text")});
    } else if (json.contains("sample_ns")) {
        MachineSample& sample = record.samples.emplace_back();
        sample.at = Time{Duration{json.at("sample_ns").get<std::int64_t>()}};
        for (const Json& domain : json.at("domains"))
            sample.domains.push_back(domain_sample(domain));
    } else if (json.contains("status")) {
        record.reason = json.at("reason");
        record.exit_code = json.at("exit_code");
        json.at("facts").get_to(record.facts);
        record.config = json.at("config");
        record.command = json.at("command");
        record.status = static_cast<Status>(json.at("status").get<int>());
    } else {
        record.cell = json.at("cell");
        record.seed = json.at("seed");
        record.platform = json.at("platform");
        record.platform_kind = json.at("platform_kind");
        record.workload = json.at("workload");
        record.size = json.at("size");
        record.clock = json.at("clock");
        record.factors = json.at("factors");
        json.at("software").get_to(record.software);
        record.descriptor = json.at("descriptor");
        json.at("settings").get_to(record.settings);
        json.at("background").get_to(record.background);
        json.at("higher_is_better").get_to(record.higher_is_better);
        for (const auto& [domain, one] : json.at("planned").items()) {
            RunRecord::Planned& planned = record.planned[domain];
            one.at("programs").get_to(planned.programs);
            planned.iterations = one.at("iterations");
            const Json& rule = one.at("steady");
            planned.steady = {rule.at(0), rule.at(1), rule.at(2)};
        }
    }
}

}  // namespace

RunRecord record_from(const std::filesystem::path& spool) {
    RunRecord record;
    record.reason = "the run was killed";
    if (std::filesystem::exists(trace_beside(spool))) record.trace = trace_beside(spool);
    try {
        for (const std::string& block : read_spool(spool)) add_block(record, Json::parse(block));
    } catch (const Json::exception&) {
        // Whole, and of another version of ring3: it is of no use to this one.
        record.status = Status::interrupted;
    }
    return record;
}

}  // namespace ring3::record
