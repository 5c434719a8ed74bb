// SPDX-License-Identifier: MIT
// User-mode Linux, Debian's: a kernel that is a process, with kernel threads for its guests'
// processes. The disk is under a copy-on-write file that goes with the run.
#include <cpuid.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include <fmt/format.h>

#include "experiments/platforms/child.hpp"
#include "experiments/platforms/kernel_words.hpp"
#include "workloads/images/process.hpp"

namespace ring3::experiment {
namespace {

namespace fs = std::filesystem;

constexpr const char* program = "linux.uml";

/// SDM vol. 2A, CPUID leaf 7: AMX-TILE, 8 KiB more of state than Linux 6.1 as a process knows.
bool has_amx() {
    constexpr unsigned features = 7, amx_tile = 1u << 24;
    unsigned a = 0, b = 0, c = 0, d = 0;
    return __get_cpuid_count(features, 0, &a, &b, &c, &d) != 0 && (d & amx_tile) != 0;
}

/// Whether /bin/true, as the only program of a kernel on the host's files, ends as it should: the
/// kernel panics at the end of its first program and tells how that ended.
bool runs_programs() {
    const fs::path folder = fs::temp_directory_path() / fmt::format("ring3-uml-{}", ::getpid());
    fs::create_directories(folder);
    std::string told;
    try {
        Process kernel({"timeout", "-s", "KILL", "30", program, "mem=64M", "root=/dev/root",
                        "rootfstype=hostfs", "rootflags=/", "ro", "init=/bin/true",
                        fmt::format("uml_dir={}/", folder.string()), "umid=probe", "con=null",
                        "con0=fd:0,fd:1"},
                       folder);
        char bytes[4096];
        for (ssize_t count = 0; (count = ::read(kernel.output(), bytes, sizeof bytes)) > 0;)
            told.append(bytes, static_cast<std::size_t>(count));
        kernel.wait();
    } catch (const CommandError&) {
        // A kernel that panics does not end well.
    }
    std::error_code ignored;
    fs::remove_all(folder, ignored);
    return told.find("exitcode=0x0000000b") == std::string::npos;
}

class Uml final : public Platform {
public:
    Uml(Params&, const PlatformChoice&) {}

    std::string unavailable() override {
        std::string missing = wants_package(program, "user-mode-linux");
        if (missing.empty() && has_amx() && !runs_programs())
            return "its kernel boots on this host, but every program dies: it cannot set the FPU "
                   "registers of a CPU with AMX";
        return missing;
    }

    Outcome run(const Boot& boot, Listener& listener) override {
        std::vector<std::string> command{
            program, fmt::format("mem={}M", boot.memory_mib),
            fmt::format("ubd0={},{}", (boot.scratch / "cow").string(), boot.disk.string()),
            "root=/dev/ubda",
            // Its management socket would be left below the user's HOME.
            fmt::format("uml_dir={}/", boot.scratch.string()), "umid=uml", "con=null",
            "con0=fd:0,fd:1"};
        for (std::string& word : kernel_words(boot)) command.push_back(std::move(word));
        return run_program(command, boot, listener);
    }
    std::vector<NaturalDifference> differences() const override {
        return {{"kernel", "User-mode Linux's own, of Debian's package user-mode-linux"},
                {"vcpus", "one"}};
    }
    std::string version() override {
        return output_of({program, "--version"}, fs::temp_directory_path());
    }
};

const Registered<Platform, Uml> entry{"uml", "User-mode Linux"};

}  // namespace
}  // namespace ring3::experiment
