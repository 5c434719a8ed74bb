// SPDX-License-Identifier: MIT
// One sample on the host's CPU and in the engine, in several surroundings, and what differs.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "tests/insn/native_cpu.hpp"
#include "tests/insn/sample.hpp"

namespace ring3::test {

/// Flags that the SDM leaves undefined after this instruction with these operands: the engine gives
/// 0 wherever they can be read.
std::uint64_t undefined_flags(const Insn& insn, const CpuState& before);

/// REPE and REPNE CMPS and SCAS. Between two of its iterations, and when one faults, Intel's CPUs
/// show the flags of before the whole instruction (SDM vol. 2B, REP), AMD's those of the last
/// iteration, and so does the engine.
bool is_repeated_comparison(const Insn& insn);

class Duel {
public:
    explicit Duel(IsaLevel level);

    /// Empty: no difference. Otherwise a text for the person who has to find out why.
    std::string fight(const Sample& sample);

    /// What the host did in the last fight.
    const Outcome& native() const { return native_; }
    /// False: an operand lies where the host's CPU must not reach.
    static bool is_safe(const Sample& sample);

private:
    /// Where the instruction stands: what is before and behind it in the guest's code.
    struct Surroundings {
        const char* name;
        std::vector<std::uint8_t> before, behind;
        BareGuest* guest;
        bool flags_live;
        bool runs_on;  ///< past the instruction, to the #UD behind it
    };

    void run_native(const Sample& sample, bool all_iterations);
    void forget_what_is_the_hosts(const Sample& sample);
    std::string run_engine(const Sample& sample, const Surroundings& s);
    std::string compare(const Sample& sample, const Surroundings& s, const Outcome& outcome,
                        BareGuest& guest) const;
    bool does_a_part_before_it_faults(const Sample& sample, const Outcome& outcome) const;
    std::string compare_with(const Outcome& native, std::span<const std::uint8_t> memory,
                             const Sample& sample, const Surroundings& s, const Outcome& outcome,
                             BareGuest& guest) const;
    static void compare_flags(const Outcome& wanted, const Sample& sample, const Surroundings& s,
                              const Outcome& outcome, std::string& text);

    IsaLevel level_;
    NativeCpu cpu_;
    BareGuest blocks_, steps_, baseline_;
    std::vector<Surroundings> surroundings_;
    Outcome native_;
    std::array<std::uint8_t, BareGuest::pages * page_size> native_memory_;
};

}  // namespace ring3::test
