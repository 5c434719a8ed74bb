// SPDX-License-Identifier: MIT
// Schedules worked out by hand from what the papers and sources say, to the nanosecond.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "hv/base/random.hpp"
#include "hv/sched/check/simulation.hpp"

namespace ring3::sched {
namespace {

using namespace std::chrono_literals;

/// Who ran, from when to when; all on pCPU 0, each domain with one vCPU.
std::vector<Turn> expected(
    std::initializer_list<std::pair<int, std::pair<Duration, Duration>>> all) {
    std::vector<Turn> turns;
    for (const auto& [domain, span] : all)
        turns.push_back({0, static_cast<std::uint16_t>(domain), 0, span.first, span.second});
    return turns;
}

/// Turns of equal length without gaps: "ABA".
std::vector<Turn> turns_of(std::string_view letters, Duration each) {
    std::vector<Turn> turns;
    for (std::size_t i = 0; i < letters.size(); ++i)
        turns.push_back({0, static_cast<std::uint16_t>(letters[i] - 'A' + 1), 0,
                         each * static_cast<int>(i), each * static_cast<int>(i + 1)});
    return turns;
}

Params with(std::initializer_list<std::pair<const char*, std::int64_t>> values) {
    Params params("scheduler");
    for (const auto& [name, value] : values) params.set(name, {value, "a test"});
    return params;
}

Params without(const char* name) {
    Params params("scheduler");
    params.set(name, {false, "a test"});
    return params;
}

SchedParams reserved(Duration budget, Duration period) {
    SchedParams params;
    params.period = period;
    params.budget = budget;
    params.extra_time = false;
    return params;
}

/// Weights 4:2:1, so strides 1, 2, 4. Passes before each turn (A B C), ties to who waits longest:
///   0 0 0 A, 1 0 0 B, 1 2 0 C, 1 2 4 A, 2 2 4 B, 2 4 4 A, 3 4 4 A, 4 4 4 C, 4 4 8 B, 4 6 8 A,
///   5 6 8 A, 6 6 8 B, 6 8 8 A, 7 8 8 A, and again from there.
TEST(StrideGolden, gives_seven_quanta_in_the_order_of_passes) {
    Simulation all("stride", 1, with({{"quantum_us", 10'000}}));
    for (const auto& [domain, weight] : {std::pair{1, 4u}, {2, 2u}, {3, 1u}})
        all.add(static_cast<std::uint16_t>(domain), {.weight = weight});
    all.run_until(210ms);
    EXPECT_EQ(all.turns, turns_of("ABCABAACBAABAACBAABAA", 10ms));
}

/// Weight 256 advances 10 for each unit of 100 us, 512 advances 5. avt before each turn (A B):
///     0   0  A, for 5 ms + 0 ns: 50 units, 500
///   500   0  B, for 5 ms + 500 / 5 ns: 51 units, 255
///   500 255  B, for 5 ms + 245 / 5 ns: 51 units, 510
///   500 510  A, for 5 ms + 10 / 10 ns: 51 units, 1010
///  1010 510  B, for 5 ms + 500 / 5 ns: 765
///  1010 765  B, for 5 ms + 245 / 5 ns: 1020
TEST(BvtGolden, gives_slices_of_the_allowance_and_shares_by_who_is_behind) {
    Simulation all("bvt", 1);
    all.add(1, {.weight = 256});
    all.add(2, {.weight = 512});
    all.run_until(30'000'299ns);
    EXPECT_EQ(all.turns, expected({{1, {0ns, 5'000'000ns}},
                                   {2, {5'000'000ns, 10'000'100ns}},
                                   {2, {10'000'100ns, 15'000'149ns}},
                                   {1, {15'000'149ns, 20'000'150ns}},
                                   {2, {20'000'150ns, 25'000'250ns}},
                                   {2, {25'000'250ns, 30'000'299ns}}}));
}

/// B wakes 20 ms after A began a turn of ten allowances, at the virtual time of A's beginning: it
/// is behind by 200 units times 10, takes the CPU at once, and keeps it until it has caught up.
///  2000    0  5 ms + 200 ns, 510;  2000  510  + 149 ns, 1020;  2000 1020  + 98 ns, 1530;
///  2000 1530  + 47 ns, 2040;       2000 2040  A, + 4 ns
TEST(BvtGolden, lets_who_wakes_catch_up) {
    Simulation all("bvt", 1);
    all.add(1);
    all.add(2, {}, {}, 20ms);
    all.run_until(45'000'498ns);
    EXPECT_EQ(all.turns, expected({{1, {0ns, 20'000'000ns}},
                                   {2, {20'000'000ns, 25'000'200ns}},
                                   {2, {25'000'200ns, 30'000'349ns}},
                                   {2, {30'000'349ns, 35'000'447ns}},
                                   {2, {35'000'447ns, 40'000'494ns}},
                                   {1, {40'000'494ns, 45'000'498ns}}}));
}

TEST(BvtGolden, runs_the_only_one_for_ten_allowances) {
    Simulation all("bvt", 1);
    all.add(1);
    all.run_until(100ms);
    EXPECT_EQ(all.turns, turns_of("AA", 50ms));
}

/// B sleeps 5 ms and computes 1 ms. Its evt is 1000 ahead of its avt in warp, so it takes the CPU
/// each time; without, it waits until A's turn ends.
TEST(BvtGolden, lets_who_warps_borrow_from_its_future) {
    for (const std::uint32_t warp : {0u, 1000u}) {
        Simulation all("bvt", 1);
        all.add(1);
        Simulation::Member& waking =
            all.add(2, {.warp = warp}, {[] { return 1ms; }, [] { return 2ms; }});
        all.run_until(1s);
        EXPECT_EQ(waking.longest_wait > 1ms, warp == 0) << waking.longest_wait.count();
    }
}

/// A has 5 ms in 20 ms, B has 5 ms in 10 ms. B's deadline is the nearer one at 0, 20, 40...; from
/// 15 to 20 ms both have had their slices.
TEST(SedfGolden, runs_slices_by_deadline_and_nothing_else) {
    Simulation all("sedf", 1, without("work_conserving"));
    all.add(1, reserved(5ms, 20ms));
    all.add(2, reserved(5ms, 10ms));
    all.run_until(40ms);
    EXPECT_EQ(all.turns, expected({{2, {0ms, 5ms}},
                                   {1, {5ms, 10ms}},
                                   {2, {10ms, 15ms}},
                                   {2, {20ms, 25ms}},
                                   {1, {25ms, 30ms}},
                                   {2, {30ms, 35ms}}}));
}

/// A's slice is long: each new period of B, whose deadline is nearer, takes the CPU from it.
TEST(SedfGolden, preempts_for_a_nearer_deadline) {
    Simulation all("sedf", 1);
    all.add(1, reserved(50ms, 100ms));
    all.add(2, reserved(4ms, 10ms));
    all.run_until(30ms);
    EXPECT_EQ(all.turns, expected({{2, {0ms, 4ms}},
                                   {1, {4ms, 10ms}},
                                   {2, {10ms, 14ms}},
                                   {1, {14ms, 20ms}},
                                   {2, {20ms, 24ms}},
                                   {1, {24ms, 30ms}}}));
}

/// What B leaves goes to A and C in quanta of 500 us, which B's next period ends.
TEST(SedfGolden, gives_what_is_left_to_those_with_extra_time) {
    Simulation all("sedf", 1);
    all.add(1);
    all.add(2, reserved(9ms, 10ms));
    all.add(3);
    all.run_until(12ms);
    EXPECT_EQ(all.turns, expected({{2, {0ms, 9ms}},
                                   {1, {9'000'000ns, 9'500'000ns}},
                                   {3, {9'500'000ns, 10'000'000ns}},
                                   {2, {10ms, 12ms}}}));
}

/// Weights 2:1, so 20 and 10 ms of credit at each accounting. Credits after it (A B):
///    30 ms  A had it, B takes no part yet:   0   0
///    60 ms  B had it:                       20 -20 OVER
///    90 ms  A had it:                       10 -10
///   120 ms  A had it:                        0   0
///   150 ms  B, which waited longer, had it: 20 -20, and again from there.
TEST(CreditGolden, gives_the_cpu_to_who_has_credits) {
    Simulation all("credit", 1);
    all.add(1, {.weight = 512});
    all.add(2, {.weight = 256});
    all.run_until(330ms);
    EXPECT_EQ(all.turns, turns_of("ABAABAABAAB", 30ms));
}

/// A cap of 50 % is 15 ms at each accounting: -15 at 30 ms, which is not too deep, -30 at 60 ms,
/// parked; -15 at 90 ms; 0 at 120 ms.
TEST(CreditGolden, parks_who_is_deeper_in_debt_than_its_cap) {
    Simulation all("credit", 1);
    all.add(1, {.cap_percent = 50});
    all.run_until(240ms);
    EXPECT_EQ(
        all.turns,
        expected({{1, {0ms, 30ms}}, {1, {30ms, 60ms}}, {1, {120ms, 150ms}}, {1, {150ms, 180ms}}}));
}

TEST(CreditGolden, lets_who_wakes_go_first_only_with_boost) {
    const auto begins = [](Params params) {
        Simulation all("credit", 1, std::move(params));
        all.add(1);
        all.add(2, {}, {[] { return 1ms; }, [] { return 1s; }}, 45ms);
        all.run_until(70ms);
        for (const Turn& turn : all.turns)
            if (turn.domain == 2) return turn.from;
        return Duration{};
    };
    EXPECT_EQ(begins(Params{"scheduler"}), 45ms);
    EXPECT_EQ(begins(without("boost")), 60ms);
}

/// Budgets of 4 ms in 10 ms without extra time: at once, whole, and then not before 10 ms.
TEST(RtdsGolden, spends_budgets_in_the_order_of_deadlines) {
    Simulation all("rtds", 1);
    all.add(1, reserved(4ms, 20ms));
    all.add(2, reserved(4ms, 10ms));
    all.run_until(30ms);
    EXPECT_EQ(all.turns, expected({{2, {0ms, 4ms}},
                                   {1, {4ms, 8ms}},
                                   {2, {10ms, 14ms}},
                                   {2, {20ms, 24ms}},
                                   {1, {24ms, 28ms}}}));
}

/// A server whose guest sleeps keeps its budget to the period's end: the work that comes at 6 ms is
/// done at once.
TEST(RtdsGolden, keeps_a_budget_for_later_in_the_period) {
    Simulation all("rtds", 1);
    all.add(1, reserved(3ms, 10ms), {}, 6ms);
    all.run_until(20ms);
    EXPECT_EQ(all.turns, expected({{1, {6ms, 9ms}}, {1, {10ms, 13ms}}}));
}

/// Two domains of two vCPUs on two pCPUs: never one of each.
TEST(GangGolden, runs_all_vcpus_of_a_domain_together) {
    Simulation all("gang", 2);
    for (const int domain : {1, 2, 1, 2}) all.add(static_cast<std::uint16_t>(domain));
    all.run_until(100ms);
    ASSERT_EQ(all.turns.size(), 20u);
    for (std::size_t i = 0; i < all.turns.size(); i += 2) {
        EXPECT_EQ(all.turns[i].domain, all.turns[i + 1].domain);
        EXPECT_EQ(all.turns[i].from, all.turns[i + 1].from);
        EXPECT_NE(all.turns[i].vcpu, all.turns[i + 1].vcpu);
    }
}

TEST(NullGolden, gives_each_vcpu_a_pcpu_and_the_third_one_of_two_none) {
    Simulation all("null", 2);
    for (const int domain : {1, 2, 3}) all.add(static_cast<std::uint16_t>(domain));
    all.run_until(10ms);
    EXPECT_THAT(all.turns,
                testing::UnorderedElementsAre(Turn{0, 1, 0, 0ns, 10ms}, Turn{1, 2, 0, 0ns, 10ms}));
    all.remove(all.members()[0]);
    all.turns.clear();
    all.run_until(20ms);
    EXPECT_THAT(all.turns, testing::Contains(Turn{0, 3, 0, 10ms, 20ms}));
}

/// A computes 4 ms and sleeps 10. At 14 ms it wakes as B's turn ends, and stands before B then.
TEST(RoundRobinGolden, gives_turns_in_the_order_of_asking) {
    Simulation all("round_robin", 1, with({{"slice_us", 10'000}}));
    all.add(1, {}, {[] { return 4ms; }, [] { return 10ms; }});
    all.add(2);
    all.add(3);
    all.run_until(62ms);
    EXPECT_EQ(all.turns, expected({{1, {0ms, 4ms}},
                                   {2, {4ms, 14ms}},
                                   {3, {14ms, 24ms}},
                                   {1, {24ms, 28ms}},
                                   {2, {28ms, 38ms}},
                                   {3, {38ms, 48ms}},
                                   {1, {48ms, 52ms}},
                                   {2, {52ms, 62ms}}}));
}

/// Weights 256 and 512, requests of 3 ms: 3 and 1.5 in virtual time. Virtual times and deadlines
/// before each turn, and their weighted mean, up to which one is eligible:
///    A 0 (3)    B 0 (1.5)    0  B, whose deadline is the earlier one
///    A 0 (3)    B 1.5 (3)    1  A, since B is ahead
///    A 3 (6)    B 1.5 (3)    2  B
///    A 3 (6)    B 3 (4.5)    3  B, and again from there: as at first, 3 later
TEST(FairGolden, takes_the_earliest_deadline_of_who_is_eligible) {
    Simulation all("fair", 1, with({{"slice_us", 3'000}}));
    all.add(1, {.weight = 256});
    all.add(2, {.weight = 512});
    all.run_until(27ms);
    EXPECT_EQ(all.turns, turns_of("BABBABBAB", 3ms));
}

/// Weights 512 and 256: A burns half a credit for each ms. Credits in ms before each turn (A B):
///   10    10   A, who was first, for the shortest turn of 0.5
///    9.75 10   B, ahead by 0.25, but 0.5 is the shortest turn
///    9.75  9.5 A, ahead by 0.25, which lasts 0.5
///    9.5   9.5 B, who waited longer, for 0.5
///    9.5   9   A, ahead by 0.5, which lasts 1
///    9     9   B, and again from two lines above
TEST(Credit2Golden, runs_who_has_more_credits_until_it_has_no_more_than_the_next) {
    Simulation all("credit2", 1);
    all.add(1, {.weight = 512});
    all.add(2, {.weight = 256});
    all.run_until(6ms);
    EXPECT_EQ(all.turns, expected({{1, {0us, 500us}},
                                   {2, {500us, 1000us}},
                                   {1, {1000us, 1500us}},
                                   {2, {1500us, 2000us}},
                                   {1, {2000us, 3000us}},
                                   {2, {3000us, 3500us}},
                                   {1, {3500us, 4500us}},
                                   {2, {4500us, 5000us}},
                                   {1, {5000us, 6000us}}}));
}

/// The numbers drawn are those of the seed; whoever holds the ticket, in the order of waiting,
/// wins.
TEST(LotteryGolden, gives_each_quantum_to_who_holds_the_ticket_drawn) {
    Simulation all("lottery", 1, with({{"quantum_us", 10'000}, {"seed", 3}}));
    all.add(1, {.weight = 100});
    all.add(2, {.weight = 300});
    all.run_until(400ms);
    Random random(3, stream_of("lottery"));
    std::vector<std::pair<char, std::uint64_t>> waiting{{'A', 100}, {'B', 300}};
    std::string winners;
    for (int i = 0; i < 40; ++i) {
        const bool first_wins = random.below(400) < waiting[0].second;
        if (!first_wins) std::swap(waiting[0], waiting[1]);
        winners += waiting[0].first;
        // The winner waits again behind the other one.
        std::swap(waiting[0], waiting[1]);
    }
    EXPECT_EQ(all.turns, turns_of(winners, 10ms));
}

TEST(FifoGolden, lets_nobody_in_before_the_first_one_sleeps) {
    Simulation all("fifo", 1);
    all.add(1, {}, {[] { return 70ms; }, [] { return 5ms; }});
    all.add(2, {}, {[] { return 20ms; }, [] { return 1s; }});
    all.run_until(100ms);
    EXPECT_EQ(all.turns, expected({{1, {0ms, 70ms}}, {2, {70ms, 90ms}}, {1, {90ms, 100ms}}}));
}

}  // namespace
}  // namespace ring3::sched
