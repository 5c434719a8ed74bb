// SPDX-License-Identifier: MIT
// A platform runs a guest (or, natively, the guest's system without one) and hands over what it
// prints, line by line, with the time. One file of this folder for each kind; a new one needs its
// name in experiments/descriptor as well.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "experiments/descriptor/cells.hpp"
#include "experiments/descriptor/descriptor.hpp"
#include "hv/base/params.hpp"
#include "hv/base/registry.hpp"

namespace ring3::experiment {

/// What a run is made from: the same bytes on every platform.
struct Boot {
    const Descriptor& descriptor;
    const Cell& cell;
    std::filesystem::path kernel, ramdisk;
    std::filesystem::path modules;  ///< of the kernel, as its image keeps them
    std::filesystem::path disk;     ///< of the workload's image; never written
    std::filesystem::path tree;     ///< the same system as an archive
    unsigned memory_mib, vcpus;
    std::string extra;              ///< words for the kernel
    std::filesystem::path scratch;  ///< a folder of this run's own
    /// "NAME:PROGRAM:SIZE:REPETITIONS,..."; of several guests each has its own.
    std::string workloads;
    struct Domain {
        std::string name, workloads;
        double start_s = 0;
        std::vector<std::string> config;
        std::filesystem::path disk, tree;
        WorkloadChoice choice;
        bool background = false;  ///< nobody waits for its end
        std::string words;        ///< for its kernel
    };
    /// Several guests that run at once. Where a workload needs another guest beside its own, that
    /// is the first, named `guest_name`, and the other one is in the background.
    std::vector<Domain> domains;

    bool has_peer() const { return cell.workload != nullptr && !domains.empty(); }
};

/// The guest that is measured, where another one is there for it alone.
inline constexpr const char* guest_name = "guest";

/// The first process of a guest that runs workloads.
inline constexpr const char* guest_init = "/usr/lib/workloads/guest/init";
/// The line that it ends with, on every platform.
inline constexpr std::string_view end_line = "workloads: end";

/// One line of a guest's console. `at` is the time since the start: the host's, or under a virtual
/// clock the machine's.
struct Line {
    std::chrono::nanoseconds at;
    std::string domain;  ///< empty where there is one
    std::string text;
};

/// How a run ended, as far as a platform can tell.
struct Outcome {
    enum class End : std::uint8_t {
        finished,     ///< the guest came to its end
        crashed,      ///< the guest or the platform itself; `reason` says which
        never_ended,  ///< time was up
        interrupted,
    };
    End end = End::finished;
    std::string reason;
    int exit_code = 0;
    std::map<std::string, std::string> facts;  ///< "digest", "instructions", "virtual_ns"
    std::string config, command;               ///< what it was, for people
    std::filesystem::path trace;               ///< a file of events, if any was asked for
    double cpu_s = 0;                          ///< of the host, that its process has used
    std::uint64_t peak_rss_bytes = 0;          ///< of that process, at most
};

/// What a platform brings by its nature, and a comparison has to tell.
struct NaturalDifference {
    std::string what, text;
};

class Platform {
public:
    static constexpr const char* kind = "platform";
    using Factory = std::unique_ptr<Platform> (*)(Params&, const PlatformChoice&);
    using Sink = std::function<void(const Line&)>;
    /// Asked now and then: the run is to end.
    using WantsStop = std::function<bool()>;

    virtual ~Platform() = default;

    /// Empty if it can run here; else why not, and what to do.
    virtual std::string unavailable() { return ""; }
    /// The same for several guests at once, which have a network between them if one needs another.
    virtual std::string unavailable_for_several() { return "it runs one guest at a time"; }
    /// Runs to the end. A guest that crashes or hangs is an Outcome; EnvironmentError if the host
    /// fails.
    virtual Outcome run(const Boot& boot, const Sink& sink, const WantsStop& wants_stop) = 0;
    virtual std::vector<NaturalDifference> differences() const { return {}; }
    /// What of it decides a result, beside what a Boot says: a program's version.
    virtual std::string version() { return ""; }
};

std::unique_ptr<Platform> make_platform(const PlatformChoice& choice);

/// Empty if the platform can run the cell here; else why not.
std::string why_skipped(Platform& platform, const Cell& cell);

}  // namespace ring3::experiment
