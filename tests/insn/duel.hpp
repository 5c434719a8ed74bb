// SPDX-License-Identifier: MIT
// One sample on the host's CPU and in the engine, in several surroundings, and what differs.
#pragma once

#include <string>
#include <vector>

#include "tests/insn/native_cpu.hpp"
#include "tests/insn/sample.hpp"

namespace ring3::test {

/// Flags that the SDM leaves undefined after this instruction with these operands: the engine gives
/// 0 wherever they can be read.
std::uint64_t undefined_flags(const Insn& insn, const CpuState& before);

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
                        BareGuest& guest);
    void compare_flags(const Sample& sample, const Surroundings& s, const Outcome& outcome,
                       std::string& text) const;

    IsaLevel level_;
    NativeCpu cpu_;
    BareGuest blocks_, steps_, baseline_;
    std::vector<Surroundings> surroundings_;
    Outcome native_;
    std::array<std::uint8_t, BareGuest::pages * page_size> native_memory_;
};

}  // namespace ring3::test
