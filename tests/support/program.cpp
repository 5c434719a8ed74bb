// SPDX-License-Identifier: MIT
#include "tests/support/program.hpp"

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>

#include <sys/wait.h>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "build_info.hpp"
#include "hv/control/endpoint.hpp"

namespace ring3::test {
namespace {

/// A folder for one run of a test program, gone with it.
class OwnFolder {
public:
    OwnFolder() {
        std::string name = "/tmp/ring3-test-XXXXXX";
        if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("cannot make a folder");
        path_ = name;
        setenv("XDG_RUNTIME_DIR", name.c_str(), 1);
        setenv("XDG_STATE_HOME", name.c_str(), 1);
    }
    ~OwnFolder() {
        for (const std::string& machine : Endpoint::machines())
            run_ring3("down --force -M " + machine);
        std::filesystem::remove_all(path_);
    }
    OwnFolder(const OwnFolder&) = delete;
    OwnFolder& operator=(const OwnFolder&) = delete;
    const std::string& path() const { return path_; }

private:
    std::string path_;
};

std::string content_of(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

const std::string& own_runtime_folder() {
    static const OwnFolder folder;
    return folder.path();
}

Outcome run_ring3(const std::string& arguments, const std::string& input,
                  const std::string& launcher) {
    static std::atomic<int> runs = 0;
    const std::string prefix = fmt::format("{}/run-{}", own_runtime_folder(), ++runs);
    std::ofstream(prefix + ".in", std::ios::binary) << input;
    // What stands in the arguments may redirect elsewhere.
    const std::string command = fmt::format("<'{0}.in' >'{0}.out' 2>'{0}.err' {1} '{2}/ring3' {3}",
                                            prefix, launcher, build_info::binary_dir, arguments);
    const int status = std::system(command.c_str());
    Outcome outcome;
    outcome.code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    outcome.shown = content_of(prefix + ".out");
    outcome.said = content_of(prefix + ".err");
    outcome.text = outcome.shown + outcome.said;
    return outcome;
}

void succeed(const std::string& arguments) {
    const Outcome outcome = run_ring3(arguments);
    EXPECT_EQ(outcome.code, 0) << arguments << "\n" << outcome.text;
    EXPECT_THAT(outcome.said, testing::IsEmpty()) << arguments;
}

void expect_failure(const std::string& arguments, int code, const std::string& message) {
    const Outcome outcome = run_ring3(arguments);
    EXPECT_EQ(outcome.code, code) << arguments;
    EXPECT_THAT(outcome.said,
                testing::AllOf(testing::StartsWith("ring3: error: "), testing::HasSubstr(message)))
        << arguments;
    EXPECT_EQ(std::ranges::count(outcome.said, '\n'), 1) << outcome.said;
    EXPECT_THAT(outcome.shown, testing::IsEmpty()) << arguments;
}

std::string digest_of(const Outcome& outcome) {
    const auto start = outcome.said.rfind("digest sha256=");
    if (start == std::string::npos) return {};
    return outcome.said.substr(start, outcome.said.find('\n', start) - start);
}

}  // namespace ring3::test
