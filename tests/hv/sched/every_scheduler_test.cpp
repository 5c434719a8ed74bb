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

/// They promise something else with these.
struct Variant {
    const char *scheduler, *parameter;
    GivenValue value;
};

class EveryVariant : public ::testing::TestWithParam<Variant> {};

TEST_P(EveryVariant, passes_what_it_promises) {
    Subject subject{GetParam().scheduler};
    subject.params.set(GetParam().parameter, GetParam().value);
    for (const SchedulerCheck& check : scheduler_checks())
        for (const std::string& fault : check.run(subject).faults)
            ADD_FAILURE() << check.name << ": " << fault;
}

INSTANTIATE_TEST_SUITE_P(
    Registered, EveryVariant,
    ::testing::Values(Variant{"gang", "backfill", {false, "a test"}},
                      Variant{"sedf", "work_conserving", {false, "a test"}},
                      Variant{"rtds", "extra_time", {false, "a test"}},
                      Variant{"credit2", "min_slice_us", {std::int64_t{10'000}, "a test"}},
                      Variant{"credit", "boost", {false, "a test"}}),
    [](const auto& one) { return fmt::format("{}_{}", one.param.scheduler, one.param.parameter); });

}  // namespace
}  // namespace ring3::sched
