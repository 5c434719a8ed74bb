// SPDX-License-Identifier: MIT
// Every instruction form that the decoder admits, with random operands, against the host's CPU.
// RING3_SEED chooses the numbers, RING3_ROUNDS how many samples each form gets.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "tests/insn/duel.hpp"

namespace ring3::test {
namespace {

struct Tally {
    unsigned forms = 0, samples = 0, faults = 0, failed = 0;
};

class Forms {
public:
    Forms(IsaLevel level, std::uint64_t seed) : duel_(level), maker_(level, seed) {}

    void fight(const InsnForm& form, Place place, unsigned rounds) {
        Tally& tally = tallies_[mnemonic_name(form.sample.mnemonic)];
        ++tally.forms;
        unsigned done = 0;
        for (unsigned attempt = 0; attempt < 20 * rounds && done < rounds; ++attempt) {
            if (!maker_.make(form, place, sample_) || !Duel::is_safe(sample_)) continue;
            ++done;
            ++tally.samples;
            const std::string difference = duel_.fight(sample_);
            if (duel_.native().vector != Outcome::no_exception) ++tally.faults;
            if (difference.empty()) continue;
            // One report per mnemonic is enough to work on.
            if (tally.failed++ == 0) ADD_FAILURE() << difference;
        }
        if (done == 0) ADD_FAILURE() << "no sample of " << disassemble(form.sample, {0});
    }

    /// Mnemonics, forms, samples; faults show how often an exception was the right outcome.
    void report() const {
        Tally all;
        for (const auto& [name, tally] : tallies_) {
            all.forms += tally.forms;
            all.samples += tally.samples;
            all.faults += tally.faults;
            all.failed += tally.failed;
            if (tally.failed != 0)
                fmt::print("{}: {} of {} samples differ\n", name, tally.failed, tally.samples);
        }
        fmt::print("{} mnemonics, {} forms, {} samples, {} with exceptions, {} differ\n",
                   tallies_.size(), all.forms, all.samples, all.faults, all.failed);
    }
    std::size_t mnemonics() const { return tallies_.size(); }

private:
    Duel duel_;
    SampleMaker maker_;
    Sample sample_;
    std::map<std::string, Tally> tallies_;
};

void compare_all(IsaLevel level, Place place, unsigned rounds, std::size_t mnemonics_expected,
                 bool (*wanted)(const InsnForm&), bool approximations = false) {
    const std::uint64_t seed = seed_from_environment();
    fmt::print("RING3_SEED={}\n", seed);
    Forms forms(level, seed);
    for (const InsnForm& form : admitted_forms(level)) {
        const bool chosen =
            approximations ? is_approximation(form.sample) : is_comparable(form.sample);
        if (chosen && wanted(form)) forms.fight(form, place, rounds);
    }
    forms.report();
    EXPECT_GE(forms.mnemonics(), mnemonics_expected);
}

TEST(EveryForm, does_what_the_host_does) {
    compare_all(IsaLevel::x86_64_v2, Place::anywhere, rounds_from_environment(3), 480,
                [](const InsnForm&) { return true; });
}

TEST(EveryForm, does_what_the_host_does_in_the_larger_model) {
    if (__builtin_cpu_supports("avx2") == 0) GTEST_SKIP() << "this host has no AVX2";
    compare_all(IsaLevel::x86_64_v3, Place::anywhere, rounds_from_environment(2), 340,
                [](const InsnForm& form) {
                    return form.vex || form.mnemonic() == ZYDIS_MNEMONIC_LZCNT ||
                           form.mnemonic() == ZYDIS_MNEMONIC_TZCNT ||
                           form.mnemonic() == ZYDIS_MNEMONIC_MOVBE;
                });
}

TEST(EveryApproximation, is_near_what_the_host_gives) {
    const bool avx2 = __builtin_cpu_supports("avx2") != 0;
    compare_all(
        avx2 ? IsaLevel::x86_64_v3 : IsaLevel::x86_64_v2, Place::anywhere,
        rounds_from_environment(20), avx2 ? 16 : 12, [](const InsnForm&) { return true; }, true);
}

TEST(EveryMemoryForm, takes_operands_that_cross_pages) {
    compare_all(IsaLevel::x86_64_v2, Place::across_pages, rounds_from_environment(1), 300,
                [](const InsnForm& form) { return form.sample.has_memory; });
}

TEST(EveryMemoryForm, changes_nothing_when_the_second_page_is_not_mapped) {
    compare_all(IsaLevel::x86_64_v2, Place::across_the_end, rounds_from_environment(1), 300,
                [](const InsnForm& form) { return form.sample.has_memory; });
}

}  // namespace
}  // namespace ring3::test
