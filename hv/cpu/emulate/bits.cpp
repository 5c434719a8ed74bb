// SPDX-License-Identifier: MIT
// Memory operands that are not where ModRM says: bit strings (BT and kin with a register offset),
// XLAT, MASKMOV.
#include <Zydis/Mnemonic.h>

#include <algorithm>
#include <array>

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
    const Vaddr at = effective_address(insn, c.state, 0, static_cast<std::uint64_t>(word) * size);
    const unsigned bit = static_cast<unsigned>(offset) & (bits - 1);
    std::uint64_t value = 0;
    const auto bytes = std::as_writable_bytes(std::span{&value, 1}).first(size);
    if (!c.memory.read(at, bytes)) {
        Emulated fault = memory_fault(c);
        // Read in order to be written: the error code says so.
        constexpr std::uint8_t page_fault = 14;
        if (insn.mnemonic != ZYDIS_MNEMONIC_BT && fault.exit->vector == page_fault) {
            fault.exit->error_code |= fault_bits::write;
        }
        return fault;
    }
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
    // OF, SF, AF and PF are undefined, and stay on every CPU, as ZF does by the SDM.
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

/// 8 where a REX (or VEX) prefix extends ModRM.reg ('R') or ModRM.rm ('B'), otherwise 0.
std::size_t register_extension(const Insn& insn, char field) {
    if (insn.vex) {
        // Stored inverted, and the two-byte form has R alone.
        const bool three = insn.bytes[insn.opcode_offset] == 0xc4;
        const unsigned inverted = insn.bytes[insn.opcode_offset + 1u];
        if (field == 'R') return (inverted & 0x80) == 0 ? 8 : 0;
        return three && (inverted & 0x20) == 0 ? 8 : 0;
    }
    if (insn.opcode_offset == 0) return 0;
    const std::uint8_t rex = insn.bytes[insn.opcode_offset - 1u];
    if ((rex & 0xf0) != 0x40) return 0;
    return (rex & (field == 'R' ? 4u : 1u)) != 0 ? 8 : 0;
}

Emulated xlat(const Insn& insn, EmulationContext& c) {
    std::uint64_t at = c.state.reg(Gpr::rbx) + (c.state.reg(Gpr::rax) & 0xff);
    if (has_address_size_prefix(insn)) at &= 0xffff'ffff;
    std::uint8_t value = 0;
    if (!c.memory.load({at + segment_base(insn, c.state)}, value)) return memory_fault(c);
    write_register(c.state, 0, 1, value);
    return retire(insn, c);
}

// In the FXSAVE image; registers are 16 bytes each.
constexpr std::size_t status_at = 2, tag_at = 4, x87_at = 32, xmm_at = 160;

/// What any MMX instruction does to x87: top of stack 0, all registers in use (SDM vol. 1, 9.5.1).
/// The image counts from the top of the stack, so that its registers move.
void enter_mmx_mode(CpuState& state) {
    std::byte* const image = state.xsave.data();
    std::uint16_t status = 0;
    std::memcpy(&status, image + status_at, sizeof status);
    const std::size_t top = status >> 11 & 7u;
    std::array<std::byte, 128> registers;
    for (std::size_t i = 0; i < 8; ++i) {
        std::memcpy(registers.data() + (top + i) % 8 * 16, image + x87_at + i * 16, 16);
    }
    std::memcpy(image + x87_at, registers.data(), registers.size());
    status = static_cast<std::uint16_t>(status & ~0x3800u);
    std::memcpy(image + status_at, &status, sizeof status);
    image[tag_at] = std::byte{0xff};
}

/// An unmasked x87 exception waits for the next waiting instruction (FSW.ES).
bool x87_exception_is_pending(const CpuState& state) {
    return (state.xsave[status_at] & std::byte{0x80}) != std::byte{0};
}

/// Stores the bytes of `from` whose byte in `mask` has its top bit set; all of them or none.
bool masked_store(DataAccess& memory, Vaddr to, std::span<const std::byte> from,
                  std::span<const std::byte> mask) {
    const auto chosen = [](std::byte b) { return (b & std::byte{0x80}) != std::byte{0}; };
    const auto first = std::find_if(mask.begin(), mask.end(), chosen);
    if (first == mask.end()) return true;
    const auto last = std::find_if(mask.rbegin(), mask.rend(), chosen).base() - 1;
    // Storing what is there asks for the right to store, in each of the two pages.
    for (const auto edge : {first, last}) {
        const Vaddr at = to + static_cast<std::uint64_t>(edge - mask.begin());
        std::byte there{};
        if (!memory.load(at, there) || !memory.store(at, there)) return false;
    }
    for (std::size_t i = 0; i < mask.size(); ++i) {
        if (chosen(mask[i]) && !memory.store(to + i, from[i])) return false;
    }
    return true;
}

/// MASKMOVDQU, MASKMOVQ: bytes whose mask byte has its top bit set go to [RDI].
Emulated mask_move(const Insn& insn, EmulationContext& c) {
    if ((c.state.cr0 & cr0::ts) != 0) return fault_exception(7);
    const bool mmx = insn.mnemonic == ZYDIS_MNEMONIC_MASKMOVQ;
    if (mmx && x87_exception_is_pending(c.state)) return fault_exception(16);
    const std::uint8_t modrm = insn.bytes[insn.modrm_offset];
    std::size_t source = modrm >> 3 & 7u, mask = modrm & 7u;
    if (!mmx) {
        source += register_extension(insn, 'R');
        mask += register_extension(insn, 'B');
    }
    std::uint64_t at = c.state.reg(Gpr::rdi);
    if (has_address_size_prefix(insn)) at &= 0xffff'ffff;
    at += segment_base(insn, c.state);
    const CpuState before = c.state;
    if (mmx) enter_mmx_mode(c.state);
    const auto registers = std::span<const std::byte>(c.state.xsave).subspan(mmx ? x87_at : xmm_at);
    const std::size_t size = mmx ? 8 : 16;
    if (!masked_store(c.memory, {at}, registers.subspan(source * 16, size),
                      registers.subspan(mask * 16, size))) {
        c.state = before;
        return memory_fault(c);
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
        case ZYDIS_MNEMONIC_VMASKMOVDQU:
            return mask_move(insn, c);
        case ZYDIS_MNEMONIC_CLFLUSH:
            return flush_line(insn, c);
        default:
            return {};
    }
}

}  // namespace ring3
