// SPDX-License-Identifier: MIT
// An experiment as its file describes it: what is asked, of which guests, on which platforms. Read
// and checked; nothing of it is looked up on the host or run.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "hv/machine/config/machine_config.hpp"

namespace ring3::experiment {

/// When a program's iterations in one boot have become steady, fixed before the first run.
struct SteadyRule {
    unsigned window = 0;   ///< so many in a row; 0: no rule, all but the first iteration count
    double variation = 0;  ///< the most that their coefficient of variation may be
    double drift = 0;      ///< the most that a line through them may rise or fall, over their mean
};

/// Programs of one workload, in one size.
struct WorkloadChoice {
    std::string name, size;
    std::vector<std::string> programs;  ///< never empty: `all` is spelled out
    unsigned iterations = 2;            ///< in one boot; the first is the cold one
    SteadyRule steady;

    // From the workload's manifest.
    std::string image;                          ///< whose disk holds it
    bool is_whole = false;                      ///< `programs` are all that need no other guest
    std::vector<std::string> higher_is_better;  ///< programs whose values are so
    std::string peer;  ///< the program that another guest has to run meanwhile; may be empty
    /// Which programs these are, where the descriptor names the workload several times.
    std::string part;
};

/// Guests of one kind on a machine of several.
struct DomainChoice {
    std::string name;
    unsigned count = 1;
    WorkloadChoice workload;
    double start_s = 0;               ///< of the guest's own time, before its workload
    std::vector<std::string> config;  ///< keys of a domain config: "cpu_weight=512"
    /// It does its work again and again, and the run ends when all others are done.
    bool background = false;
};

/// A place where workloads run. Several may be of one kind.
struct PlatformChoice {
    std::string name, kind;
    std::vector<std::string> settings;           ///< of its machine, "table.key=value"; ring3 only
    std::vector<std::string> command;            ///< kind "command": the words, with {placeholders}
    std::map<std::string, std::string> differs;  ///< by difference_kinds(): what is different here
};

/// The keys of `differs`: in what platforms that are compared may differ.
const std::vector<std::string>& difference_kinds();

/// One axis of the cells: a key, "scheduler.slice_us" or "guest.memory_mib", and its values.
struct SweepAxis {
    std::string key;
    std::vector<std::string> values;  ///< as in TOML, texts without their quotes
};

/// When a cell has been repeated often enough, fixed before the first run.
struct StoppingRule {
    /// Fewer runs have no 95 % interval of their median.
    static constexpr unsigned fewest = 6;

    unsigned least = 3, most = 3;
    /// Enough when the 95 % interval of each value's median is at most so wide, as a share of the
    /// median; 0: `least` repetitions in any case.
    double relative_interval = 0;
};

struct ClaimText {
    std::string name, text, workload, program, metric, platform, than, factors, than_factors;
    double at_least = std::numeric_limits<double>::quiet_NaN();
    double at_most = std::numeric_limits<double>::quiet_NaN();
    std::string domain, than_domain;
    std::string fact;  ///< "memory_sha256": of a domain; empty: the claim is of values
    bool differs = false;
};

struct GuestChoice {
    std::string kernel, ramdisk;
    /// The image whose disk the guest has; empty: each workload's own.
    std::string image;
    /// A disk of the user's own in its place, and the archive of the tree in it, for `native`.
    std::string disk, tree;
    unsigned memory_mib = 512, vcpus = 1;
    std::string extra;  ///< words for the kernel's command line
};

/// A value in effect, and who gave it: for --show-config.
struct Effective {
    std::string key, value, origin;
};

struct Descriptor {
    std::string name, title, question, baseline;
    StoppingRule stopping;
    std::vector<std::uint64_t> seeds;
    std::uint64_t order_seed = 1;    ///< of the order in which cells run
    double timeout_s = 900;          ///< of one run
    std::vector<std::string> trace;  ///< classes of events to record; empty: none
    /// Of a ring3 machine's time: how often its memory, run states and rings are recorded; zero:
    /// never.
    std::chrono::nanoseconds series{};
    GuestChoice guest;
    std::vector<PlatformChoice> platforms;
    std::vector<WorkloadChoice> workloads;
    std::vector<DomainChoice> domains;
    std::vector<SweepAxis> sweep;
    std::vector<ClaimText> claims;

    std::filesystem::path path;
    std::string text;                   ///< of the file
    std::vector<std::string> settings;  ///< --set, as given
    std::string machine_text;           ///< the machine's tables, at their lines of the file
    std::vector<Effective> effective;
};

/// Reads and checks a descriptor. ConfigError that tells every error, a line "file:line:column:
/// error: ..." for each. `settings`: "table.key=value", which win over the file.
Descriptor read_descriptor(const std::filesystem::path& path,
                           const std::vector<std::string>& settings = {});
/// The same for a text that is there already; `path` is for messages.
Descriptor parse_descriptor(const std::filesystem::path& path, std::string text,
                            const std::vector<std::string>& settings = {});

/// The machine of a ring3 platform at a point of the sweep ("scheduler.name=bvt;..."), checked: its
/// policies exist and know their parameters. Throws ConfigError.
MachineConfig machine_of(const Descriptor& descriptor, const PlatformChoice& platform,
                         std::string_view factors, std::uint64_t seed);

/// Tables of a descriptor that are a machine file's.
bool is_machine_table(std::string_view table);
/// A key of one of them, "scheduler.slice_us", perhaps with "=value" behind it.
bool is_machine_key(std::string_view key);

}  // namespace ring3::experiment
