// SPDX-License-Identifier: MIT
#include "tests/repo/layering.hpp"

#include <algorithm>
#include <optional>
#include <regex>

#include <fmt/format.h>

namespace ring3::repo {

namespace {

/// A folder, and those it may include headers of beside its own. What is not listed here may
/// include nothing, so a new folder needs its row. Rows for a folder inside another one win over
/// the outer.
struct Layer {
    std::string_view folder;
    std::vector<std::string_view> may_include;
};

const std::vector<Layer> layers = {
    {"hv/base", {}},
    {"hv/abi", {"hv/base"}},
    {"hv/trace", {"hv/base"}},
    {"hv/sched", {"hv/base"}},
    {"hv/sched/check", {"hv/base", "hv/sched"}},
    // It reads the schedule that a trace holds.
    {"hv/sched/replay.cpp", {"hv/base", "hv/sched", "hv/trace"}},
    {"hv/clock", {"hv/base", "cost_models.hpp"}},
    {"hv/memory/policy", {"hv/base"}},
    {"hv/io/path", {"hv/base"}},
    {"hv/io/disk_model", {"hv/base"}},
    {"hv/io/link_model", {"hv/base"}},
    {"hv/cpu/engine/engine.hpp", {"hv/base"}},
    {"hv/memory", {"hv/base", "hv/memory/policy"}},
    // The engine's interface, for the Exit that it and all below it answer with.
    {"hv/cpu", {"hv/base", "hv/memory", "hv/cpu/engine/engine.hpp"}},
    // Interfaces only: a vCPU's state, the engine, the scheduler, never one of their kinds.
    {"hv/domain",
     {"hv/base", "hv/abi", "hv/trace", "hv/memory", "hv/cpu/state.hpp", "hv/cpu/environment.hpp",
      "hv/cpu/engine/engine.hpp", "hv/sched"}},
    {"hv/io",
     {"hv/base", "hv/abi", "hv/trace", "hv/memory", "hv/cpu/state.hpp", "hv/domain", "hv/sched",
      "hv/io/path", "hv/io/disk_model", "hv/io/link_model"}},
    {"hv/machine", {"hv"}},
    {"hv/control", {"hv"}},
    {"workloads/catalogue", {"hv/base", "build_info.hpp"}},
    {"workloads/images", {"hv/base", "workloads/catalogue", "build_info.hpp"}},
    {"experiments/descriptor",
     {"hv/base", "hv/trace/schema.hpp", "hv/clock", "hv/machine", "workloads/catalogue",
      "build_info.hpp"}},
    {"experiments/platforms",
     {"hv/base", "hv/trace", "hv/machine", "hv/sched/scheduler_error.hpp",
      "hv/control/create_request.hpp", "experiments/descriptor", "workloads", "build_info.hpp"}},
    {"experiments/runner",
     {"hv/base", "hv/trace", "hv/machine", "experiments", "workloads", "analysis/load",
      "analysis/stats", "build_info.hpp"}},
    {"analysis", {"hv/base", "hv/trace/schema.hpp", "build_info.hpp"}},
    {"cli", {"hv", "workloads", "experiments", "analysis", "build_info.hpp"}},
    {"tests", {"hv", "cli", "workloads", "experiments", "analysis", "tests", "build_info.hpp"}},
};

/// A library's headers, and the only folders that may include them. A test has the doors of what it
/// tests. No folder at all: every one may.
struct Door {
    std::string_view header;  ///< how the name in <...> begins
    std::vector<std::string_view> folders;
};

const std::vector<Door> doors = {
    {"Zydis/", {"hv/cpu", "tests/insn", "tests/oracle", "tests/bench"}},
    {"Zycore/", {"hv/cpu"}},
    {"asmjit/", {"hv/cpu", "tests/insn", "tests/oracle", "tests/bench"}},
    {"xen/", {"hv/abi"}},
    {"libxlutil.h", {"hv/machine/config"}},
    {"libxl", {"hv/machine/config"}},
    {"toml++/", {"hv/base/toml.hpp"}},
    {"boost/program_options", {"cli"}},
    {"boost/math", {"analysis/stats"}},
    {"Eigen/", {"analysis/stats"}},
    {"gnuplot-iostream.h", {"analysis/charts"}},
    {"H5", {"experiments/runner/record", "analysis/load"}},
    {"hdf5", {"experiments/runner/record", "analysis/load"}},
    {"openssl/", {"hv/base"}},
    {"liburing.h", {"hv/io/block"}},
    {"pcap/", {"hv/io/net"}},
    {"slirp/", {"hv/io/net"}},
    {"archive", {"workloads/images"}},
    {"zlib.h", {"hv/domain/builder"}},
    {"bzlib.h", {"hv/domain/builder"}},
    {"lzma.h", {"hv/domain/builder"}},
    {"lz4", {"hv/domain/builder"}},
    {"zstd", {"hv/domain/builder"}},
    {"xxhash.h", {"hv/cpu"}},
    {"nlohmann/",
     {"cli", "hv/trace", "hv/control", "hv/machine/record", "workloads/images",
      "experiments/runner", "analysis"}},
    {"gtest/", {"tests"}},
    {"gmock/", {"tests"}},
    {"benchmark/", {"tests/bench"}},
    {"fmt/", {}},
};

/// C and Linux: the host's own interface, and no library's.
const std::regex host_header{
    "(sys|linux|asm|arpa|netinet)/"
    ".*|(cpuid|dlfcn|elf|err|errno|fcntl|getopt|[a-z]mmintrin|limits|link|poll|"
    "pthread|pty|pwd|sched|signal|spawn|stdlib|termios|ucontext|unistd|x86intrin)\\.h|[a-z0-9_]+"};

/// A name that only one place may use, if any.
struct Reserved {
    std::regex name;
    std::string_view folder;
    std::string_view place;
    std::string_view reason;
};

const std::vector<Reserved> reserved = {
    {std::regex{
         "\\b(steady_clock|system_clock|high_resolution_clock|clock_gettime|gettimeofday)\\b"},
     "hv", "hv/clock/wall", "the host's clock is read by the wall clock alone"},
    {std::regex{"\\b(random_device|getrandom|arc4random|s?rand\\()|/dev/u?random"}, "hv", "nowhere",
     "randomness comes from a seeded generator that is passed in"},
    {std::regex{"\\b(__rdtsc|__rdtscp|_rdrand\\w*|_rdseed\\w*)\\b"}, "hv", "nowhere",
     "the host's counters do not reach a guest"},
    {std::regex{"\\b_?(setjmp|longjmp|siglongjmp|sigsetjmp)\\b"}, "hv", "nowhere",
     "engines return; nothing jumps over frames"},
};

bool is_in_any(std::string_view path, const std::vector<std::string_view>& folders) {
    return std::ranges::any_of(folders, [&](auto folder) { return is_below(path, folder); });
}

const Layer* layer_of(std::string_view path) {
    const Layer* innermost = nullptr;
    for (const Layer& layer : layers)
        if (is_below(path, layer.folder) &&
            (!innermost || layer.folder.size() > innermost->folder.size()))
            innermost = &layer;
    return innermost;
}

std::optional<std::string> fault_of_own(const SourceFile& file, const Layer& layer,
                                        const std::string& header) {
    if (!header.starts_with("hv/") && !header.starts_with("cli/") &&
        !header.starts_with("workloads/") && !header.starts_with("experiments/") &&
        !header.starts_with("analysis/") && !header.starts_with("tests/") &&
        header != "build_info.hpp" && header != "cost_models.hpp")
        return fmt::format("\"{}\" is not written from the repository's root", header);
    if (header.ends_with(".cpp")) return fmt::format("\"{}\" is not a header", header);
    const Layer* its_layer = layer_of(header);
    // An inner layer is not its outer one's own: hv/memory names hv/memory/policy to include it.
    const bool is_own = its_layer == &layer || folder_of(header) == folder_of(file.path);
    if (is_own || is_in_any(header, layer.may_include)) return std::nullopt;
    return fmt::format("{} may not include \"{}\"", layer.folder, header);
}

std::optional<std::string> fault_of_foreign(const SourceFile& file, const std::string& header) {
    for (const Door& door : doors) {
        if (!header.starts_with(door.header)) continue;
        const std::string_view path = file.path;
        const std::string_view tested = is_below(path, "tests") ? path.substr(6) : path;
        if (door.folders.empty() || is_in_any(path, door.folders) ||
            is_in_any(tested, door.folders))
            return std::nullopt;
        return fmt::format("<{}> may be included in {} only", header,
                           fmt::join(door.folders, ", "));
    }
    if (std::regex_match(header, host_header)) return std::nullopt;
    return fmt::format("<{}> is of a library that has no door in tests/repo/layering.cpp", header);
}

}  // namespace

Breaches layering_breaches(const SourceFile& file) {
    static const std::regex include{R"(^\s*#\s*include\s*([<"])([^>"]+)[>"].*)"};
    Breaches breaches;
    const Layer* layer = layer_of(file.path);
    if (layer == nullptr)
        report(breaches, file, 1, "its folder has no row in tests/repo/layering.cpp");

    for (std::size_t i = 0; layer != nullptr && i < file.lines.size(); ++i) {
        std::smatch match;
        if (!std::regex_match(file.lines[i], match, include)) continue;
        const auto fault = match[1] == "<" ? fault_of_foreign(file, match[2])
                                           : fault_of_own(file, *layer, match[2]);
        if (fault) report(breaches, file, i + 1, *fault);
    }
    return breaches;
}

Breaches determinism_breaches(const SourceFile& file) {
    static const std::regex comment{R"(//.*)"};
    Breaches breaches;
    for (std::size_t i = 0; i < file.lines.size(); ++i) {
        const std::string code = std::regex_replace(file.lines[i], comment, "");
        for (const Reserved& rule : reserved)
            if (is_below(file.path, rule.folder) && !file.path.starts_with(rule.place) &&
                std::regex_search(code, rule.name))
                report(breaches, file, i + 1, rule.reason);
    }
    return breaches;
}

}  // namespace ring3::repo
