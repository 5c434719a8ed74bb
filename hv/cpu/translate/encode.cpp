// SPDX-License-Identifier: MIT
#include "hv/cpu/translate/encode.hpp"

#include <Zydis/Mnemonic.h>

#include <utility>

#include "hv/base/check.hpp"

namespace ring3 {
namespace {

/// The register fields of an encoding with their fourth bits (REX or VEX; SDM vol. 2, 2.2.1).
struct Fields {
    unsigned reg = 0;    // ModRM.reg, with bit 3
    unsigned rm = 0;     // ModRM.rm or opcode register, with bit 3
    unsigned index = 0;  // SIB.index, with bit 3
    unsigned shift = 0;  // SIB.scale
    bool memory = false;
    std::int32_t displacement = 0;
    std::int32_t slot = -1;  // memory at an absolute offset instead
};

std::uint8_t modrm_of(const Insn& insn) { return insn.bytes[insn.modrm_offset]; }

bool has_modrm(const Insn& insn) { return insn.modrm_offset != 0; }

bool is_string_or_legacy_prefix(std::uint8_t b) {
    return b == 0x66 || b == 0xf0 || b == 0xf2 || b == 0xf3;
}

/// BSF and BSR ignore F3H where the CPU model has no TZCNT and LZCNT; this host may have them.
bool drops_repeat(const Insn& insn) {
    return insn.mnemonic == ZYDIS_MNEMONIC_BSF || insn.mnemonic == ZYDIS_MNEMONIC_BSR;
}

void put_modrm(Encoded& out, const Fields& f, bool has_index) {
    const unsigned reg = (f.reg & 7) << 3;
    if (!f.memory) {
        out.put(0xc0 | reg | (f.rm & 7));
        return;
    }
    const auto put32 = [&out](std::int32_t value) {
        for (int shift = 0; shift < 32; shift += 8)
            out.put(static_cast<std::uint32_t>(value) >> shift & 0xff);
    };
    if (f.slot >= 0) {
        out.put(reg | 4);
        out.put(0x25);  // neither base nor index (SDM vol. 2, table 2-3)
        put32(f.slot);
        return;
    }
    // RBP and R13 as a base need a displacement; RSP and R12 need a SIB byte.
    const bool is_short = f.displacement == static_cast<std::int8_t>(f.displacement);
    const bool needs_displacement = f.displacement != 0 || (f.rm & 7) == 5;
    const unsigned mod = !needs_displacement ? 0 : is_short ? 0x40 : 0x80;
    if (has_index) {
        out.put(mod | reg | 4);
        out.put(f.shift << 6 | (f.index & 7) << 3 | (f.rm & 7));
    } else {
        out.put(mod | reg | (f.rm & 7));
        if ((f.rm & 7) == 4) out.put(0x24);  // no index
    }
    if (!needs_displacement) return;
    if (is_short)
        out.put(static_cast<std::uint8_t>(f.displacement));
    else
        put32(f.displacement);
}

/// The original's own fields, where they do not name general registers (XMM numbers, /digit).
Fields original_fields(const Insn& insn, unsigned rex_r, unsigned rex_b) {
    Fields f;
    if (has_modrm(insn)) {
        f.reg = (modrm_of(insn) >> 3 & 7u) | rex_r << 3;
        f.rm = (modrm_of(insn) & 7u) | rex_b << 3;
    }
    return f;
}

void apply(const Insn& insn, const Rewrite& rewrite, Fields& f) {
    if (insn.reg.used()) f.reg = rewrite.reg;
    if (insn.rm.used()) f.rm = rewrite.rm;
    if (insn.opcode.used()) f.rm = rewrite.opcode;
    if (insn.has_memory) {
        f.memory = true;
        f.rm = rewrite.base;
        f.displacement = rewrite.displacement;
        if (rewrite.index != no_register) f.index = static_cast<unsigned>(rewrite.index);
        f.shift = rewrite.shift;
    } else if (rewrite.slot >= 0) {
        f.memory = true;
        f.rm = 0;
        f.slot = rewrite.slot;
    }
}

/// SPL, BPL, SIL, DIL (and the low byte of a remapped register) need a REX prefix to be themselves.
bool byte_field_needs_rex(const RegisterField& field, unsigned host) {
    return field.used() && field.size == 1 && !field.high_byte && host >= 4;
}

void encode_vex(const Insn& insn, const Rewrite& rewrite, Encoded& out) {
    const auto* p = &insn.bytes[insn.opcode_offset];
    const bool three = p[0] == 0xc4;
    // R, X, B and vvvv are stored inverted.
    const unsigned r = (p[1] >> 7 & 1u) ^ 1u;
    const unsigned b = three ? (p[1] >> 5 & 1u) ^ 1u : 0u;
    const unsigned map = three ? p[1] & 31u : 1u;
    const unsigned last = three ? p[2] : p[1];
    const unsigned w = three ? p[2] >> 7 : 0u;
    unsigned vvvv = (last >> 3 & 15u) ^ 15u;
    if (insn.vvvv.used()) vvvv = rewrite.vvvv;
    Fields f = original_fields(insn, r, b);
    apply(insn, rewrite, f);
    out.put(0xc4);
    out.put((f.reg >> 3 ^ 1u) << 7 | (f.index >> 3 ^ 1u) << 6 | (f.rm >> 3 ^ 1u) << 5 | map);
    out.put(w << 7 | (vvvv ^ 15u) << 3 | (last & 7u));
    out.put(p[three ? 3 : 2]);
    if (has_modrm(insn)) put_modrm(out, f, rewrite.index != no_register);
}

/// MOV to and from an absolute address (A0H to A3H) has no ModRM: take the ordinary MOV.
void encode_absolute_move(const Insn& insn, const Rewrite& rewrite, unsigned rex_w, Encoded& out) {
    Fields f;
    f.memory = true;
    f.rm = rewrite.base;
    f.displacement = rewrite.displacement;
    if (rewrite.index != no_register) f.index = static_cast<unsigned>(rewrite.index);
    f.shift = rewrite.shift;
    const unsigned rex = rex_w << 3 | (f.index >> 3) << 1 | f.rm >> 3;
    if (rex != 0) out.put(0x40 | rex);
    const std::uint8_t opcode = insn.bytes[insn.opcode_offset];
    out.put(opcode ^ 0x2a);  // A0 -> 8A, A1 -> 8B, A2 -> 88, A3 -> 89
    put_modrm(out, f, rewrite.index != no_register);
}

}  // namespace

Encoded encode(const Insn& insn, const Rewrite& rewrite) {
    Encoded out;
    constexpr unsigned fs_prefix = 0x64, gs_prefix = 0x65;
    if (rewrite.slot >= 0) out.put(gs_prefix);
    if (insn.has_memory && rewrite.fs) out.put(fs_prefix);
    unsigned rex = 0;
    for (std::size_t i = 0; i < insn.opcode_offset; ++i) {
        const std::uint8_t b = insn.bytes[i];
        if (is_string_or_legacy_prefix(b)) {
            if (!(b == 0xf3 && drops_repeat(insn))) out.put(b);
            rex = 0;  // a REX that is not the last prefix is ignored
        } else if ((b & 0xf0) == 0x40) {
            rex = b;
        } else {
            rex = 0;
        }
    }
    if (insn.vex) {
        encode_vex(insn, rewrite, out);
    } else {
        const unsigned rex_w = rex >> 3 & 1;
        if (insn.has_memory && !has_modrm(insn)) {
            encode_absolute_move(insn, rewrite, rex_w, out);
            return out;
        }
        Fields f = original_fields(insn, rex >> 2 & 1, rex & 1);
        apply(insn, rewrite, f);
        const unsigned new_rex = rex_w << 3 | (f.reg >> 3) << 2 | (f.index >> 3) << 1 | f.rm >> 3;
        const bool bare = byte_field_needs_rex(insn.reg, f.reg) ||
                          (!f.memory && byte_field_needs_rex(insn.rm, f.rm)) ||
                          byte_field_needs_rex(insn.opcode, f.rm);
        HV_CHECK(!(insn.high_byte && (new_rex != 0 || bare)), "AH..BH cannot go with a REX prefix");
        if (new_rex != 0 || bare) out.put(0x40 | new_rex);
        const std::size_t opcode_end = has_modrm(insn) ? insn.modrm_offset : insn.length;
        std::size_t i = insn.opcode_offset;
        if (!has_modrm(insn) && insn.opcode.used()) {
            while (insn.bytes[i] == 0x0f) out.put(insn.bytes[i++]);
            out.put((insn.bytes[i++] & ~7u) | (f.rm & 7));
        }
        while (i < opcode_end) out.put(insn.bytes[i++]);
        if (has_modrm(insn)) put_modrm(out, f, rewrite.index != no_register);
    }
    if (has_modrm(insn)) {
        for (std::size_t i = insn.tail_offset; i < insn.length; ++i) out.put(insn.bytes[i]);
    }
    return out;
}

bool may_stand_in_memory(const Insn& insn) {
    if (insn.vex || insn.has_memory || !insn.rm.used() || insn.high_byte || insn.lock) return false;
    // A write of 32 bits to a register clears the upper half.
    if (insn.rm.write && insn.rm.size == 4) return false;
    const std::uint8_t* const opcode = &insn.bytes[insn.opcode_offset];
    if (opcode[0] != 0x0f) {
        const std::uint8_t o = opcode[0];
        const bool is_arithmetic = o < 0x40 && (o & 7) < 4;
        const bool is_move = o >= 0x88 && o <= 0x8b;
        const bool is_shift = o == 0xc0 || o == 0xc1 || (o >= 0xd0 && o <= 0xd3);
        return is_arithmetic || is_move || is_shift || o == 0x63 || o == 0x69 || o == 0x6b ||
               o == 0x80 || o == 0x81 || o == 0x83 || o == 0x84 || o == 0x85 || o == 0xc6 ||
               o == 0xc7 || o == 0xf6 || o == 0xf7 || o == 0xfe ||
               (o == 0xff && insn.form == Form::plain);
    }
    const std::uint8_t o = opcode[1];
    const bool is_conditional = (o >= 0x40 && o <= 0x4f) || (o >= 0x90 && o <= 0x9f);
    const bool is_extension = o == 0xb6 || o == 0xb7 || o == 0xbe || o == 0xbf;
    return is_conditional || is_extension || o == 0xa4 || o == 0xa5 || o == 0xac || o == 0xad ||
           o == 0xaf;
}

std::optional<Insn> with_registers_exchanged(const Insn& insn) {
    if (insn.vex || insn.has_memory || !insn.reg.used() || !insn.rm.used()) return {};
    const std::uint8_t o = insn.bytes[insn.opcode_offset];
    const bool is_arithmetic = o < 0x40 && (o & 7) < 4;
    const bool is_move = o >= 0x88 && o <= 0x8b;
    if (!is_arithmetic && !is_move) return {};
    constexpr std::uint8_t direction = 2;
    Insn exchanged = insn;
    exchanged.bytes[insn.opcode_offset] ^= direction;
    std::swap(exchanged.reg, exchanged.rm);
    return exchanged;
}

}  // namespace ring3
