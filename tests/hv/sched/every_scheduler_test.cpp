// SPDX-License-Identifier: MIT
// Every registered scheduler does what every scheduler owes, and what it promises beyond.
#include <filesystem>

#include <unistd.h>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "hv/base/registry.hpp"
#include "hv/sched/check/checks.hpp"
#include "hv/sched/scheduler.hpp"
#include "hv/trace/file.hpp"

namespace ring3::sched {
namespace {

/// A trace in which nothing happens: what `replay` repeats here.
std::string empty_trace() {
    struct Kept {
        Kept() { trace::FileWriter(path, trace::default_classes(), true).finish(); }
        ~Kept() { std::filesystem::remove(path); }
        const std::string path = std::filesystem::temp_directory_path() /
                                 fmt::format("ring3-empty-trace-{}", ::getpid());
    };
    static const Kept kept;
    return kept.path;
}

struct Case {
    std::string scheduler;
    const SchedulerCheck* check;

    std::string name() const { return scheduler + "_" + check->name; }
    /// As a list of tests shows it.
    friend void PrintTo(const Case& one, std::ostream* out) { *out << one.name(); }
};

class EveryScheduler : public ::testing::TestWithParam<Case> {};

TEST_P(EveryScheduler, passes) {
    const auto& [scheduler, check] = GetParam();
    Subject subject{scheduler};
    if (scheduler == "replay") subject.params.set("file", {empty_trace(), "a test"});
    const CheckResult result = check->run(subject);
    for (const std::string& fault : result.faults) ADD_FAILURE() << fault;
    if (result.is_skipped) GTEST_SKIP() << "it does not promise that";
}

INSTANTIATE_TEST_SUITE_P(Registered, EveryScheduler, ::testing::ValuesIn([] {
                             std::vector<Case> cases;
                             for (const auto& entry : Registry<Scheduler>::names())
                                 for (const SchedulerCheck& check : scheduler_checks())
                                     cases.push_back({entry.name, &check});
                             return cases;
                         }()),
                         [](const auto& one) { return one.param.name(); });

}  // namespace
}  // namespace ring3::sched
