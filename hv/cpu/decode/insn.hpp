// SPDX-License-Identifier: MIT
// One decoded guest instruction, reduced to what translation needs: how it is executed, where its
// operands are encoded, what it touches. Made by decode(); the only reader of Zydis' structures.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>

#include "hv/base/units.hpp"
#include "hv/cpu/state.hpp"

namespace ring3 {

/// Which instructions a guest's CPU has. What is not in the model is #UD.
enum class IsaLevel : std::uint8_t { x86_64_v2, x86_64_v3 };

/// How an instruction is executed.
enum class Form : std::uint8_t {
    plain,  ///< copied with its operands rewritten; at most one memory operand
    nop,    ///< retires and does nothing (prefetch, endbr, pause...)
    lea,
    push,  ///< push r/m/imm
    pop,   ///< pop r/m
    leave,
    call,  ///< relative
    call_indirect,
    ret,
    jump,  ///< relative
    jump_indirect,
    jump_if,       ///< jcc relative
    count_jump,    ///< loop, loope, loopne, jrcxz, jecxz
    direction,     ///< cld, std
    read_segment,  ///< mov r, sreg
    bit_string,    ///< bt and kin of memory by a register, which may reach beyond the operand
    rep_string,    ///< rep movs, rep stos: in line where they stay in a page, else emulated
    emulated,      ///< by hv/cpu/emulate, between blocks
    undefined,     ///< #UD
    not_built,     ///< in the CPU model, but not built here
};

constexpr std::int8_t no_register = -1;

/// base + index * scale + displacement, in a segment.
struct MemoryOperand {
    std::int8_t base = no_register;
    std::int8_t index = no_register;
    std::uint8_t scale = 1;
    /// FS or GS base is added.
    bool fs = false, gs = false;
    /// 67H: the sum is cut to 32 bits.
    bool address32 = false;
    /// The displacement counts from the next instruction.
    bool rip_relative = false;
    std::int64_t displacement = 0;
    /// Bytes accessed.
    std::uint16_t size = 0;
    bool read = false, write = false;
};

/// A general-purpose register operand: number, and whether it is one of AH, CH, DH, BH.
struct RegisterField {
    std::int8_t number = no_register;
    std::uint8_t size = 0;
    bool high_byte = false;
    bool read = false, write = false;

    bool used() const { return number != no_register; }
};

struct Insn {
    std::array<std::uint8_t, 16> bytes{};
    std::uint8_t length = 0;
    Form form = Form::undefined;
    /// ZydisMnemonic.
    std::uint16_t mnemonic = 0;
    /// In bytes: 1, 2, 4, 8.
    std::uint8_t operand_size = 0;
    bool has_memory = false;
    bool vex = false;
    /// F0H, F2H/F3H as a repeat prefix of a string instruction.
    bool lock = false, rep = false, repne = false;
    /// Reads or writes x87, MMX, XMM, YMM or MXCSR.
    bool fpu = false;
    /// A REX-less byte register forbids any REX prefix in the copy.
    bool high_byte = false;
    /// RCX (ECX, CX, CL) is an operand without being encoded.
    bool implicit_rcx = false, implicit_rcx_written = false;

    MemoryOperand memory;
    RegisterField reg;     ///< ModRM.reg
    RegisterField rm;      ///< ModRM.rm as a register
    RegisterField vvvv;    ///< VEX.vvvv
    RegisterField opcode;  ///< low bits of the opcode

    /// Offsets in `bytes`; 0 = absent.
    std::uint8_t opcode_offset = 0, modrm_offset = 0;
    /// First byte behind ModRM, SIB and displacement (or behind the opcode).
    std::uint8_t tail_offset = 0;

    /// Relative branches: distance from the end of the instruction. Otherwise the first immediate.
    std::int64_t immediate = 0;
    /// Condition code of jump_if (low four bits of its opcode).
    std::uint8_t condition = 0;

    /// Arithmetic flags read; certainly overwritten (or left undefined); left undefined.
    std::uint32_t flags_read = 0, flags_killed = 0, flags_undefined = 0;
    /// General registers that are encoded, implied or part of an address: bit n = register n.
    std::uint16_t registers = 0;
    /// Those that it writes, or may write.
    std::uint16_t registers_written = 0;

    /// C++ does it (or gives its fault) between blocks, if only sometimes.
    bool is_left_to_cpp() const {
        return form == Form::emulated || form == Form::rep_string || form == Form::undefined ||
               form == Form::not_built;
    }
    /// The next instruction is not (only) the one behind this.
    bool ends_block() const {
        return form == Form::call || form == Form::call_indirect || form == Form::ret ||
               form == Form::jump || form == Form::jump_indirect || form == Form::jump_if ||
               form == Form::count_jump || is_left_to_cpp();
    }
};

/// Decodes the instruction at the start of `bytes` in 64-bit mode.
/// False: the bytes end before the instruction does. An invalid one has Form::undefined.
bool decode(std::span<const std::uint8_t> bytes, IsaLevel level, Insn& insn);

/// Intel syntax, for messages.
std::string disassemble(const Insn& insn, Vaddr rip);

}  // namespace ring3
