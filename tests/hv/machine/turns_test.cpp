// SPDX-License-Identifier: MIT
#include "hv/machine/turns.hpp"

#include <gtest/gtest.h>

namespace ring3 {
namespace {

using namespace std::chrono_literals;

/// Remembers what it was charged, and pays as much of a cold start as it is told to.
struct Till final : Clock {
    World world() const override { return World::closed; }
    Time now(std::uint64_t) override { return Time{}; }
    std::uint64_t budget(std::uint64_t, Time) override { return 1; }
    Duration idle(std::uint64_t, Time) override { return {}; }
    Duration date_at_start() const override { return {}; }
    bool charge(Cost cost, std::uint64_t count) override {
        switches += cost == Cost::context_switch ? count : 0;
        return true;
    }
    void begin_turn(std::uint64_t, Duration lost) override { cold = lost; }
    Duration end_turn(std::uint64_t) override { return std::exchange(left, 0ns); }
    Duration cold_cache() const override { return 300us; }

    std::uint64_t switches = 0;
    Duration cold{}, left{};
};

class TurnsTest : public ::testing::Test {
protected:
    /// Answers how cold it was.
    Duration turn(std::uint16_t domain, Duration ran, std::uint32_t pcpu = 0) {
        sched::Vcpu vcpu;
        vcpu.domain = DomainId{domain};
        turns.begin(clock, 0, PcpuId{pcpu}, vcpu);
        const Duration cold = clock.cold;
        turns.end(clock, 0, PcpuId{pcpu}, vcpu, ran);
        return cold;
    }
    Till clock;
    Turns turns;
};

TEST_F(TurnsTest, charges_a_switch_when_another_one_had_the_pcpu) {
    for (const int domain : {1, 1, 2, 2, 1}) turn(static_cast<std::uint16_t>(domain), 1ms);
    EXPECT_EQ(clock.switches, 2u);
    turn(2, 1ms, 1);
    EXPECT_EQ(clock.switches, 2u) << "the first one on that pCPU";
}

TEST_F(TurnsTest, finds_caches_cold_by_no_more_than_what_others_ran_for) {
    EXPECT_EQ(turn(1, 1ms), 300us) << "nothing is there at first";
    EXPECT_EQ(turn(1, 1ms), 0us);
    turn(2, 40us);
    EXPECT_EQ(turn(1, 1ms), 40us);
    turn(2, 20us);
    turn(3, 30us);
    EXPECT_EQ(turn(1, 1ms), 50us);
    EXPECT_EQ(turn(1, 1ms, 1), 300us) << "on another pCPU";
    EXPECT_EQ(turn(1, 1ms), 300us) << "and back";
}

TEST_F(TurnsTest, carries_over_what_was_not_paid) {
    clock.left = 70us;
    turn(1, 10us);
    turn(2, 5us);
    EXPECT_EQ(turn(1, 1ms), 75us);
}

TEST_F(TurnsTest, has_no_cold_caches_for_domain_0) {
    turn(1, 1ms);
    EXPECT_EQ(turn(0, 1ms), 0us);
    EXPECT_EQ(clock.switches, 1u);
}

TEST_F(TurnsTest, knows_nothing_of_a_domain_that_went_away) {
    turn(1, 1ms);
    turns.forget(DomainId{1});
    EXPECT_EQ(turn(1, 1ms), 300us);
}

}  // namespace
}  // namespace ring3
