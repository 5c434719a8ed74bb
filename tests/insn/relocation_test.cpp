// SPDX-License-Identifier: MIT
// Code that is mapped at several addresses: an engine that moves its blocks, or lets the next
// process take over those of one that has ended, does what one does that translates each again.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/insn/many_places_guest.hpp"
#include "tests/insn/random_program.hpp"
#include "tests/insn/sample.hpp"

namespace ring3::test {
namespace {

using Guest = ManyPlacesGuest;

/// `ends`: the address space is lost behind each place, and the next one has the same root.
void compare(const RandomProgram& program, Guest& moving, Guest& translating, bool ends) {
    for (Guest* const each : {&moving, &translating}) each->load(program);
    // The first place is where blocks are translated; what a program writes stays for the next.
    for (const std::uint64_t place : Guest::places) {
        constexpr std::uint64_t budget = 1000;
        const Exit a = moving.run(program, place, budget);
        const Exit b = translating.run(program, place, budget);
        ASSERT_EQ(a.reason, b.reason) << fmt::format("at {:x}; {}; {}", place, a.text, b.text);
        ASSERT_EQ(a.vector, b.vector);
        ASSERT_EQ(a.address, b.address);
        const CpuState& first = moving.guest.state;
        const CpuState& second = translating.guest.state;
        ASSERT_EQ(first.retired, second.retired);
        ASSERT_EQ(first.rip, second.rip) << fmt::format("{:x}, {:x}", first.rip, second.rip);
        ASSERT_EQ(first.gpr, second.gpr);
        ASSERT_EQ(first.rflags, second.rflags);
        ASSERT_EQ(first.xsave, second.xsave);
        ASSERT_TRUE(moving.memory() == translating.memory());
        if (!ends) continue;
        for (Guest* const each : {&moving, &translating})
            each->core->root_lost(each->guest.domain, each->guest.state.user_root);
    }
}

void compare_programs(IsaLevel level, std::uint64_t windows_after = 0) {
    const std::uint64_t seed = seed_from_environment();
    fmt::print("RING3_SEED={}\n", seed);
    TranslatorSettings settings = Guest::settings_for(level);
    settings.windows_after = windows_after;
    Guest moving(settings);
    settings.moves_blocks = false;
    Guest translating(settings);
    RandomProgram program;
    for (std::uint64_t i = 0; i < rounds_from_environment(60); ++i) {
        ProgramMaker(level, seed + i).make(program);
        compare(program, moving, translating, false);
        ASSERT_FALSE(testing::Test::HasFatalFailure()) << "RING3_SEED=" << seed + i;
    }
    const auto& moved = moving.core->statistics();
    fmt::print("{} blocks translated, {} moved\n", moved.translated, moved.moved);
    EXPECT_GT(moved.moved, moved.translated);
    EXPECT_EQ(translating.core->statistics().moved, 0);
}

TEST(Relocation, of_blocks_does_what_a_translation_does) { compare_programs(IsaLevel::x86_64_v2); }

TEST(Relocation, of_blocks_with_windows_does_what_a_translation_does) {
    compare_programs(IsaLevel::x86_64_v2, 1);
}

/// Every other process runs while the one before it still lives.
void compare_processes(std::uint64_t windows_after) {
    const std::uint64_t seed = seed_from_environment();
    fmt::print("RING3_SEED={}\n", seed);
    TranslatorSettings settings = Guest::settings_for(IsaLevel::x86_64_v2);
    settings.windows_after = windows_after;
    Guest moving(settings);
    settings.moves_blocks = false;
    Guest translating(settings);
    moving.guest.state.kernel_mode = translating.guest.state.kernel_mode = false;
    RandomProgram program;
    for (std::uint64_t i = 0; i < rounds_from_environment(60); ++i) {
        ProgramMaker(IsaLevel::x86_64_v2, seed + i).make(program);
        compare(program, moving, translating, i % 4 != 0);
        ASSERT_FALSE(testing::Test::HasFatalFailure()) << "RING3_SEED=" << seed + i;
    }
    const auto& done = moving.core->statistics();
    fmt::print("{} blocks translated, {} moved, {} pages taken over\n", done.translated, done.moved,
               done.taken_over);
    EXPECT_GT(done.taken_over, 60u);
    EXPECT_GT(done.moved, 0u);
    EXPECT_EQ(translating.core->statistics().taken_over, 0u);
}

TEST(Relocation, of_pages_that_are_taken_over_does_what_a_translation_does) {
    compare_processes(0);
}

TEST(Relocation, of_pages_with_windows_does_what_a_translation_does) { compare_processes(1); }

/// Whoever still lives finds its blocks where they were.
TEST(Relocation, takes_no_page_from_an_address_space_that_lives) {
    TranslatorSettings settings = Guest::settings_for(IsaLevel::x86_64_v2);
    Guest guest(settings);
    guest.guest.state.kernel_mode = false;
    RandomProgram program;
    ProgramMaker(IsaLevel::x86_64_v2, 1).make(program);
    guest.load(program);
    for (const std::uint64_t place : Guest::places) guest.run(program, place, 100);
    EXPECT_EQ(guest.core->statistics().taken_over, 0u);
    EXPECT_GT(guest.core->statistics().moved, 0u);
}

TEST(Relocation, of_blocks_does_what_a_translation_does_in_the_larger_model) {
    if (__builtin_cpu_supports("avx2") == 0) GTEST_SKIP() << "this host has no AVX2";
    compare_programs(IsaLevel::x86_64_v3);
}

}  // namespace
}  // namespace ring3::test
