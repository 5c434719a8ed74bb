// SPDX-License-Identifier: MIT
// Copies one guest instruction with other registers and another memory operand: prefixes, opcode
// and immediates stay as they are, so that no semantics is written a second time.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "hv/cpu/decode/insn.hpp"

namespace ring3 {

/// Host register numbers that replace the guest's in each encoded field.
struct Rewrite {
    std::uint8_t reg = 0, rm = 0, vvvv = 0, opcode = 0;
    /// The memory operand becomes [base] or [base + (index << shift)], relative to the FS base or
    /// not.
    std::uint8_t base = 0;
    std::int8_t index = no_register;
    std::uint8_t shift = 0;
    bool fs = false;
    std::int32_t displacement = 0;
    /// The r/m register becomes the word at this offset from the GS base; negative: it does not.
    std::int32_t slot = -1;
};

/// Longer than any guest instruction: a copy may need a prefix and a displacement more.
struct Encoded {
    std::array<std::uint8_t, 32> bytes{};
    std::size_t length = 0;
    void put(unsigned byte) { bytes[length++] = static_cast<std::uint8_t>(byte); }
};

/// `insn` is Form::plain (or a form whose r/m field the caller handles in its own way).
/// Legacy segment and address-size prefixes are dropped: the address is a host address now.
Encoded encode(const Insn& insn, const Rewrite& rewrite);

/// Whether the form with a memory operand in place of the r/m register does the same.
bool may_stand_in_memory(const Insn& insn);
/// The same instruction with its reg and r/m registers in each other's place, where its opcode has
/// a twin for that (88H to 8BH, ADD to CMP).
std::optional<Insn> with_registers_exchanged(const Insn& insn);

}  // namespace ring3
