// SPDX-License-Identifier: MIT
// Code that is mapped at several addresses: an engine that moves its blocks does what one does that
// translates each again.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/insn/many_places_guest.hpp"
#include "tests/insn/random_program.hpp"
#include "tests/insn/sample.hpp"

namespace ring3::test {
namespace {

using Guest = ManyPlacesGuest;

void compare(const RandomProgram& program, Guest& moving, Guest& translating) {
    for (Guest* const each : {&moving, &translating}) each->load(program);
    // The first place is where blocks are translated; what a program writes stays for the next.
    for (const std::uint64_t place : Guest::places) {
        constexpr std::uint64_t budget = 1000;
        const Exit a = moving.run(program, place, budget);
        const Exit b = translating.run(program, place, budget);
        ASSERT_EQ(a.reason, b.reason) << fmt::format("at {:x}", place);
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
        compare(program, moving, translating);
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

TEST(Relocation, of_blocks_does_what_a_translation_does_in_the_larger_model) {
    if (__builtin_cpu_supports("avx2") == 0) GTEST_SKIP() << "this host has no AVX2";
    compare_programs(IsaLevel::x86_64_v3);
}

}  // namespace
}  // namespace ring3::test
