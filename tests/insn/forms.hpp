// SPDX-License-Identifier: MIT
// Every instruction form that the decoder admits, found by decoding the opcode maps one by one:
// nothing is listed here that decode() could quietly stop to know.
#pragma once

#include <Zydis/Mnemonic.h>

#include <cstdint>
#include <string>
#include <vector>

#include "hv/cpu/decode/insn.hpp"

namespace ring3::test {

enum class OpcodeMap : std::uint8_t { one_byte, map_0f, map_0f38, map_0f3a };

/// An encoding without its operands.
struct InsnForm {
    OpcodeMap map = OpcodeMap::one_byte;
    std::uint8_t opcode = 0;
    std::uint8_t prefix = 0;  ///< 0, 66H, F2H, F3H
    bool lock = false;
    bool wide = false;  ///< REX.W or VEX.W
    bool vex = false, vex_256 = false;
    bool vvvv = false;  ///< VEX.vvvv names an operand
    bool modrm = false;
    bool memory = false;  ///< ModRM.rm is a memory operand
    int reg = -1;         ///< ModRM.reg where it is part of the opcode
    int rm = -1;          ///< ModRM.rm likewise
    Insn sample;          ///< decoded with some operands

    ZydisMnemonic mnemonic() const { return static_cast<ZydisMnemonic>(sample.mnemonic); }
};

std::string mnemonic_name(std::uint16_t mnemonic);

/// All of them, one of each kind: prefixes that change nothing are left out.
std::vector<InsnForm> admitted_forms(IsaLevel level);

/// Whether the host executes a form as the guest's CPU would, so that the two can be compared. The
/// others ask the hypervisor, or have one defined result here that differs between CPUs.
bool is_comparable(const Insn& insn);

/// RCPPS and kin, x87 transcendental functions: CPUs give different approximations.
bool is_approximation(const Insn& insn);

}  // namespace ring3::test
