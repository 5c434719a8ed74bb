// SPDX-License-Identifier: MIT
// User-mode Linux, Debian's: a kernel that is a process, with kernel threads for its guests'
// processes. The disk is under a copy-on-write file that goes with the run.
#include <fmt/format.h>

#include "experiments/platforms/child.hpp"
#include "experiments/platforms/kernel_words.hpp"
#include "workloads/images/process.hpp"

namespace ring3::experiment {
namespace {

constexpr const char* program = "linux.uml";

class Uml final : public Platform {
public:
    Uml(Params&, const PlatformChoice&) {}

    std::string unavailable() override { return wants_package(program, "user-mode-linux"); }

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
        return output_of({program, "--version"}, std::filesystem::temp_directory_path());
    }
};

const Registered<Platform, Uml> entry{"uml", "User-mode Linux"};

}  // namespace
}  // namespace ring3::experiment
