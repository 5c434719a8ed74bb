// SPDX-License-Identifier: MIT
// Memory operands that are not where ModRM says: bit strings (BT and kin with a register offset),
// XLAT, MASKMOV.
#include <Zydis/Mnemonic.h>

#include "hv/cpu/emulate/emulate.hpp"

namespace ring3 {
namespace {

/// SDM vol. 2, BT: the operand is the word that holds bit `offset` of the string at the address.
std::optional<Emulated> bit_string(const Insn& insn, EmulationContext& c) {
    const unsigned size = insn.operand_size;
    const unsigned bits = size * 8;
    const std::uint64_t raw = read_field(c.state, insn.reg);
    const auto offset = static_cast<std::int64_t>(raw << (64 - bits)) >> (64 - bits);
    const std::int64_t word = offset >> (bits == 64 ? 6 : bits == 32 ? 5 : 4);
    const Vaddr at = effective_address(insn, c.state) +
                     static_cast<std::uint64_t>(word * static_cast<std::int64_t>(size));
    const unsigned bit = static_cast<unsigned>(offset) & (bits - 1);
    std::uint64_t value = 0;
    const auto bytes = std::as_writable_bytes(std::span{&value, 1}).first(size);
    if (!c.memory.read(at, bytes)) return memory_fault(c);
    const bool was_set = (value >> bit & 1) != 0;
    const std::uint64_t mask = std::uint64_t{1} << bit;
    switch (insn.mnemonic) {
        case ZYDIS_MNEMONIC_BTS:
            value |= mask;
            break;
        case ZYDIS_MNEMONIC_BTR:
            value &= ~mask;
            break;
        case ZYDIS_MNEMONIC_BTC:
            value ^= mask;
            break;
        default:
            break;
    }
    if (insn.mnemonic != ZYDIS_MNEMONIC_BT && !c.memory.write(at, bytes)) return memory_fault(c);
    c.state.rflags = (c.state.rflags & ~rflags::cf) | (was_set ? rflags::cf : 0);
    return retire(insn, c);
}

std::uint64_t segment_base(const Insn& insn, const CpuState& state) {
    for (std::size_t i = 0; i < insn.opcode_offset; ++i) {
        if (insn.bytes[i] == 0x64) return state.fs_base;
        if (insn.bytes[i] == 0x65) return state.gs_base;
    }
    return 0;
}

bool has_address_size_prefix(const Insn& insn) {
    for (std::size_t i = 0; i < insn.opcode_offset; ++i) {
        if (insn.bytes[i] == 0x67) return true;
    }
    return false;
}

Emulated xlat(const Insn& insn, EmulationContext& c) {
    std::uint64_t at = c.state.reg(Gpr::rbx) + (c.state.reg(Gpr::rax) & 0xff);
    if (has_address_size_prefix(insn)) at &= 0xffff'ffff;
    std::uint8_t value = 0;
    if (!c.memory.load({at + segment_base(insn, c.state)}, value)) return memory_fault(c);
    write_register(c.state, 0, 1, value);
    return retire(insn, c);
}

/// MASKMOVDQU, MASKMOVQ: bytes whose mask byte has its top bit set go to [RDI].
Emulated mask_move(const Insn& insn, EmulationContext& c) {
    if ((c.state.cr0 & cr0::ts) != 0) return fault_exception(7);
    constexpr std::size_t mmx_at = 32, xmm_at = 160;  // in the FXSAVE image, 16 bytes each
    const bool mmx = insn.mnemonic == ZYDIS_MNEMONIC_MASKMOVQ;
    const std::uint8_t modrm = insn.bytes[insn.modrm_offset];
    std::size_t source = modrm >> 3 & 7u, mask = modrm & 7u;
    for (std::size_t i = 0; i < insn.opcode_offset && !mmx; ++i) {
        if ((insn.bytes[i] & 0xf0) != 0x40) continue;
        source += (insn.bytes[i] & 4u) * 2;
        mask += (insn.bytes[i] & 1u) * 8;
    }
    std::uint64_t at = c.state.reg(Gpr::rdi);
    if (has_address_size_prefix(insn)) at &= 0xffff'ffff;
    at += segment_base(insn, c.state);
    const std::byte* const image = c.state.xsave.data() + (mmx ? mmx_at : xmm_at);
    // A fault in the middle leaves bytes that the repeated instruction stores again.
    for (std::size_t i = 0; i < (mmx ? 8u : 16u); ++i) {
        if ((image[mask * 16 + i] & std::byte{0x80}) == std::byte{0}) continue;
        if (!c.memory.store({at + i}, image[source * 16 + i])) return memory_fault(c);
    }
    return retire(insn, c);
}

/// CLFLUSH is checked like a load of one byte, and has nothing to flush.
Emulated flush_line(const Insn& insn, EmulationContext& c) {
    std::byte any{};
    if (!c.memory.load(effective_address(insn, c.state), any)) return memory_fault(c);
    return retire(insn, c);
}

}  // namespace

std::optional<Emulated> emulate_bits(const Insn& insn, EmulationContext& c) {
    switch (insn.mnemonic) {
        case ZYDIS_MNEMONIC_BT:
        case ZYDIS_MNEMONIC_BTS:
        case ZYDIS_MNEMONIC_BTR:
        case ZYDIS_MNEMONIC_BTC:
            return bit_string(insn, c);
        case ZYDIS_MNEMONIC_XLAT:
            return xlat(insn, c);
        case ZYDIS_MNEMONIC_MASKMOVQ:
        case ZYDIS_MNEMONIC_MASKMOVDQU:
            return mask_move(insn, c);
        case ZYDIS_MNEMONIC_CLFLUSH:
            return flush_line(insn, c);
        default:
            return {};
    }
}

}  // namespace ring3
