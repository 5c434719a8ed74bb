// SPDX-License-Identifier: MIT
// The memory operands of the instructions that are copied, as addresses: for those that need more
// than a TLB look-up, and for data breakpoints.
#pragma once

#include <array>
#include <cstddef>

#include "hv/base/units.hpp"
#include "hv/cpu/decode/insn.hpp"
#include "hv/cpu/state.hpp"

namespace ring3 {

struct Operand {
    Vaddr address{};
    std::size_t size = 0;
    bool read = false, write = false;
    bool stack = false;  ///< a non-canonical address is #SS, not #GP
};

/// In the order in which the instruction's translation accesses them; the number of them.
std::size_t operands_of(const Insn& insn, const CpuState& state, std::array<Operand, 2>& out);

}  // namespace ring3
