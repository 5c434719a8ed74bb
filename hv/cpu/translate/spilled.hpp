// SPDX-License-Identifier: MIT
// Which guest registers have no host register, and what follows for instructions that name them.
#pragma once

#include "hv/cpu/decode/insn.hpp"

namespace ring3 {

/// Guest registers that have no host register.
constexpr bool is_spilled(int guest) { return guest == 8 || guest == 10 || guest == 11; }

/// LEA whose address needs at most one scratch register.
constexpr bool is_plain_lea(const Insn& insn) {
    const MemoryOperand& m = insn.memory;
    return insn.operand_size >= 4 && !m.address32 &&
           !(is_spilled(m.base) && is_spilled(m.index) && m.base != m.index);
}

}  // namespace ring3
