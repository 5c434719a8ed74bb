// SPDX-License-Identifier: MIT
// A recorded campaign as plain structs: what index.h5, the runs' files and host.h5 hold, and no
// more. Nothing is derived here; the columns are those of analysis/load/layout.hpp.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "analysis/load/layout.hpp"

namespace ring3::analysis {

using record::Better;
using record::Status;

struct Value {
    std::string domain;  ///< empty where the platform runs one guest
    std::string program, metric, unit;
    Better better{};
    bool warm = false;
    bool ok = false;
    std::uint32_t iteration = 0;
    double value = 0, guest_value = 0;  ///< the second is NaN where the guest told no time
};

/// A table whose columns only its file knows, for traces and series.
struct Column {
    std::string name;
    std::vector<double> numbers;     ///< of numbers
    std::vector<std::string> texts;  ///< of texts and of categories
};
using Columns = std::vector<Column>;

struct Cell {
    std::uint32_t cell = 0;
    std::string platform, platform_kind, workload, size, clock;
    std::uint64_t seed = 0;
    std::string factors;
};

/// Where a program's iterations became steady, by the rule of its workload.
struct Steady {
    std::string domain, program, metric;
    bool is_reached = false;
    std::uint32_t first = 0;  ///< iteration that counts
    std::uint32_t window = 0;
    double variation = 0, drift = 0;
};

struct Run {
    std::uint32_t run = 0, cell = 0, repetition = 0;
    Status status{};
    bool noisy = false;
    std::string file, reason;
    std::vector<Value> values;                ///< of a run of any status, as far as it came
    std::vector<Steady> steady;               ///< none where there was no rule
    std::vector<Value> schedule;              ///< who had the CPUs, of a traced run
    std::map<std::string, std::string> meta;  ///< the attributes of /meta, as text
    std::map<std::string, Columns> series;    ///< by name
    Columns events;  ///< the first of /trace/events, of some runs; else no columns
};

struct Claim {
    std::string name, text, workload, program, metric, platform, than, factors, than_factors;
    double at_least = 0, at_most = 0;     ///< NaN: no bound
    std::string domain{}, than_domain{};  ///< empty: any, and the same one
    std::string fact{};                   ///< empty: the claim is of values
    bool differs = false;
};

struct Difference {
    std::string platform, what, text;
    bool declared = false;
};

struct Campaign {
    std::filesystem::path folder;
    std::string name, title, question, baseline, descriptor, generator, descriptor_sha256;
    std::vector<Cell> cells;
    std::vector<Run> runs;  ///< in the order of running
    std::vector<Claim> claims;
    std::vector<Difference> differences;
    std::map<std::string, std::string> host;  ///< the attributes of /host; empty without host.h5
    std::vector<record::HostRun> host_runs;

    const Cell& cell_of(const Run& run) const;
};

/// `path` is a campaign's folder or its index.h5. ConfigError, naming the file, if one of its files
/// is missing, truncated, of another kind or another version.
Campaign load_campaign(const std::filesystem::path& path);

/// A run's file without its series and trace, as far as a run is told by it.
Run load_run(const std::filesystem::path& file);

/// For people: the name in the file, but "DNR" (did not run) in capitals, as the field writes it.
const char* status_name(Status status);

}  // namespace ring3::analysis
