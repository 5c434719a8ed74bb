// SPDX-License-Identifier: MIT
// What decode() and Decoder share: an instruction's shape is its prefixes, opcode and ModRM byte.
#pragma once

#include <cstdint>
#include <span>

#include "hv/cpu/decode/insn.hpp"

namespace ring3 {

struct ImmediateEncoding {
    std::uint8_t size = 0;  ///< in bytes; 0: none
    bool is_signed = false;
    /// Instructions of the same shape differ in SIB, displacement and this immediate alone.
    bool is_whole_difference = false;
};

/// decode(), but Insn::registers lacks those of the address.
bool decode_all_but_address(std::span<const std::uint8_t> bytes, IsaLevel level, Insn& insn,
                            ImmediateEncoding& immediate);
void note_address_registers(Insn& insn);

}  // namespace ring3
