// SPDX-License-Identifier: MIT
// A workload: a folder of workloads/ with a manifest that names its programs, what they need, their
// sizes and the hash of what each has to print. Here a manifest is read and checked as a whole.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace ring3 {

struct WorkloadSize {
    std::map<std::string, std::int64_t> parameters;  // variables of `generate` and `command`
    std::string output_sha256;                       // empty where values are printed
};

struct WorkloadProgram {
    std::string stands_for, kinship;
    std::string generate, before, command, after;  // shell text; all but the command may be empty
    /// Its lines "NAME UNIT VALUE" are measurements of its own; else its run is timed, and its
    /// output has one right hash.
    bool prints_values = false;
    bool higher_is_better = false;  // of its values; of a time less always is
    bool on_disk = false;           // runs on the system's disk, else in memory where /tmp is that
    bool needs_peer = false;        // another guest has to be there; not part of "all"
    std::string peer;               // the program that the other guest runs; empty: it is for one
    std::map<std::string, WorkloadSize> sizes;
};

struct Workload {
    std::string name, title, licence;
    std::string image;  // whose disk holds it
    std::vector<std::string> packages;
    std::string prepare;  // shell text; may be empty
    std::map<std::string, WorkloadProgram> programs;
    std::filesystem::path folder;
};

/// The folder workloads/ of this tree: RING3_ROOT says where that is, else the build.
std::filesystem::path workloads_folder();

/// The names of the workloads there, sorted: folders with a manifest.toml.
std::vector<std::string> workload_names();

/// ConfigError, with the place, if the manifest says what it may not, or leaves out what it must
/// say; EnvironmentError if it cannot be read.
Workload read_workload(const std::filesystem::path& folder);

/// The files of a workload's folder, relative to it, sorted; not what `generate` has made there.
std::vector<std::filesystem::path> workload_files(const std::filesystem::path& folder);

}  // namespace ring3
