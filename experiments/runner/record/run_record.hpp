// SPDX-License-Identifier: MIT
// Everything that one run has told: kept in a spool while it goes on, written to its HDF5 file from
// there.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "analysis/load/layout.hpp"
#include "experiments/descriptor/descriptor.hpp"
#include "hv/machine/sampler.hpp"

namespace ring3::record {

struct ConsoleLine {
    std::int64_t at_ns;
    std::string domain, text;
};

/// A fact: the names of a ring3 machine's domains, in the order of their numbers, with commas.
inline constexpr const char* domains_fact = "domains";

struct RunRecord {
    // What was to be run.
    std::uint32_t cell = 0;
    std::uint64_t seed = 0;
    std::string platform, platform_kind, workload, size, clock, factors;
    std::map<std::string, std::string> software;  ///< what must be the same in a comparison
    std::string descriptor;                       ///< the file's text
    std::vector<std::string> settings;            ///< --set
    /// What each domain was to run.
    struct Planned {
        std::vector<std::string> programs;
        unsigned iterations = 0;
        experiment::SteadyRule steady;
    };
    std::map<std::string, Planned> planned;
    /// Domains that did their work as often as they could, until the others were done.
    std::set<std::string> background;
    /// Programs whose values are better when higher.
    std::vector<std::string> higher_is_better;

    // What came of it.
    std::vector<ConsoleLine> console;
    std::vector<MachineSample> samples;  ///< of a ring3 machine
    Status status = Status::interrupted;
    std::string reason;
    int exit_code = 0;
    std::map<std::string, std::string> facts;
    std::string config, command;
    std::filesystem::path trace;  ///< a file of events; empty: none were recorded
};

/// Where the events of a run are kept, beside its spool.
std::filesystem::path trace_beside(const std::filesystem::path& spool);

/// The blocks of a spool: what is to be run first, then lines and samples, then the end.
std::string block_of_begin(const RunRecord& record);
std::string block_of_line(const ConsoleLine& line);
std::string block_of_sample(const MachineSample& sample);
std::string block_of_end(const RunRecord& record);
/// From a spool. A run that has no end in it was interrupted.
RunRecord record_from(const std::filesystem::path& spool);

/// What the lines of the guests' consoles say: one value for each program, metric and iteration.
std::vector<Value> values_of(const RunRecord& record);
/// What a traced run tells of its schedule, for each domain: "cpus", "turns", "wait_mean"...
/// Nothing where it was not traced, or its domains were never all at work.
std::vector<Value> schedule_values(const RunRecord& record);
/// Status and reason by these values, where the platform itself had nothing to complain of.
void judge(RunRecord& record, const std::vector<Value>& values);

/// Writes the file of a run.
void write_run_file(const std::filesystem::path& path, const RunRecord& record);
/// What is needed to run it again, and what came of it. ConfigError for what is no file of a run.
struct RecordedRun {
    std::string descriptor, clock, console;
    std::vector<std::string> settings;
    std::uint32_t cell = 0;
};
RecordedRun read_run_file(const std::filesystem::path& path);

}  // namespace ring3::record
