// SPDX-License-Identifier: MIT
#include "analysis/measures/schedule.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ring3::analysis {
namespace {

using ::testing::DoubleNear;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr double ms = 1e6;

/// A vCPU that wants to run all the time from 0 to `end_ms`, and does in these spans.
VcpuHistory busy(const std::string& who, double weight, double end_ms, std::vector<Span> ran_ms) {
    VcpuHistory history{who, who.substr(1, 1), {{0, weight}}, {}, {{0, end_ms * ms}}, {}};
    for (const Span& span : ran_ms) history.ran.push_back({span.from_ns * ms, span.to_ns * ms});
    return history;
}

/// Events as a run's file has them.
struct Events {
    Columns table{{"time_ns", {}, {}}, {"domain", {}, {}}, {"vcpu", {}, {}},
                  {"event", {}, {}},   {"first", {}, {}},  {"second", {}, {}}};
    Events& operator()(double at_ms, const char* event, double domain, double first = 0,
                       double second = 0) {
        for (const auto& [column, value] :
             {std::pair{0, at_ms * ms}, {1, domain}, {2, 0.0}, {4, first}, {5, second}})
            table[static_cast<std::size_t>(column)].numbers.push_back(value);
        table[3].texts.emplace_back(event);
        return *this;
    }
};

TEST(Schedule, is_read_from_events) {
    Events events;
    events(0, "adjust", 1, 512)(1, "wake", 1)(3, "run", 1)(5, "stop", 1, 0, 1)(8, "run", 1)(
        9, "stop", 1, 0, 3)(10, "wake", 0)(12, "wake", 1)(20, "wake", 2);
    const auto all = histories_of(events.table);
    ASSERT_EQ(all.size(), 2u) << "Domain-0 is left out";
    EXPECT_EQ(all[0].who, "d1v0");
    EXPECT_EQ(all[0].weight_at(0), 512);
    EXPECT_EQ(all[1].weight_at(0), 256);
    EXPECT_THAT(all[0].ran, ElementsAre(Span{3 * ms, 5 * ms}, Span{8 * ms, 9 * ms}));
    EXPECT_THAT(all[0].wanted, ElementsAre(Span{1 * ms, 9 * ms}, Span{12 * ms, 20 * ms}));
    EXPECT_THAT(all[0].wake_to_run_ns, ElementsAre(2 * ms)) << "the second wait has no end";
    EXPECT_THAT(histories_of({}), IsEmpty());
}

/// Weights 1:3 on a pCPU. In the first 10 ms they get 5 and 5 where 2.5 and 7.5 are due, errors 1
/// and 1/3; in the second 0 and 10, errors 1 and 1/3. Over 20 ms 5 and 15: exactly what is due.
TEST(Schedule, has_an_error_in_short_windows_that_long_ones_do_not_show) {
    const std::vector<VcpuHistory> all{busy("d1v0", 100, 20, {{0, 5}}),
                                       busy("d2v0", 300, 20, {{5, 10}, {10, 20}})};
    const AllocationError short_one = allocation_error(all, 10 * ms);
    EXPECT_EQ(short_one.windows, 2u);
    EXPECT_NEAR(short_one.mean, 2.0 / 3, 1e-9);
    EXPECT_NEAR(short_one.greatest, 1, 1e-9);
    const AllocationError long_one = allocation_error(all, 20 * ms);
    EXPECT_EQ(long_one.windows, 1u);
    EXPECT_NEAR(long_one.greatest, 0, 1e-9);
    EXPECT_EQ(allocation_error(all, 40 * ms).windows, 0u);
}

TEST(Schedule, lags_by_what_was_due_and_not_given) {
    const std::vector<VcpuHistory> all{busy("d1v0", 100, 20, {{0, 5}}),
                                       busy("d2v0", 300, 20, {{5, 20}})};
    const auto found = competition(all);
    EXPECT_NEAR(found[0].greatest_lead_ns, 2.5 * ms, 1);
    EXPECT_NEAR(found[0].greatest_lag_ns, 0, 1);
    EXPECT_NEAR(found[1].greatest_lag_ns, 2.5 * ms, 1);
    EXPECT_NEAR(found[1].got_ns, 15 * ms, 1);
    EXPECT_NEAR(fairness(found), 1, 1e-9);
}

/// Two pCPUs, weights 1:1:8. The third cannot use more than one pCPU: half of one is left to each
/// of the others.
TEST(Schedule, owes_nobody_more_than_one_pcpu) {
    const std::vector<VcpuHistory> all{busy("d1v0", 1, 10, {{0, 5}}),
                                       busy("d2v0", 1, 10, {{5, 10}}),
                                       busy("d3v0", 8, 10, {{0, 10}})};
    EXPECT_NEAR(allocation_error(all, 10 * ms).greatest, 0, 1e-9);
}

TEST(Schedule, counts_only_those_that_compete) {
    std::vector<VcpuHistory> all{busy("d1v0", 1, 20, {{0, 9}, {10, 20}}),
                                 busy("d2v0", 1, 20, {{9, 10}})};
    all[1].wanted = {{9 * ms, 10 * ms}};
    EXPECT_EQ(allocation_error(all, 10 * ms).windows, 0u);
    EXPECT_EQ(fairness(competition(all)), 1);
}

/// Equal weights; one gets all: (1/n) of two.
TEST(Schedule, is_as_unfair_as_can_be_where_one_gets_everything) {
    const std::vector<VcpuHistory> all{busy("d1v0", 1, 100, {{0, 100}}), busy("d2v0", 1, 100, {})};
    EXPECT_THAT(fairness(competition(all)), DoubleNear(0.5, 1e-9));
}

}  // namespace
}  // namespace ring3::analysis
