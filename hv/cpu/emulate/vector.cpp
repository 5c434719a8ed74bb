// SPDX-License-Identifier: MIT
// AVX instructions whose elements have a mask each: VMASKMOVPS and kin, and the gathers of AVX2. An
// element that is masked out is not accessed, and so raises no fault.
#include <Zydis/Mnemonic.h>

#include <algorithm>
#include <array>

#include "hv/cpu/emulate/emulate.hpp"

namespace ring3 {
namespace {

constexpr std::size_t xmm_at = 160, ymm_high_at = 576;  // in the XSAVE image, 16 bytes each

using Vector = std::array<std::byte, 32>;

Vector read_vector(const CpuState& state, unsigned number) {
    Vector v;
    std::memcpy(v.data(), state.xsave.data() + xmm_at + 16 * number, 16);
    std::memcpy(v.data() + 16, state.xsave.data() + ymm_high_at + 16 * number, 16);
    return v;
}

void write_vector(CpuState& state, unsigned number, const Vector& v) {
    std::memcpy(state.xsave.data() + xmm_at + 16 * number, v.data(), 16);
    std::memcpy(state.xsave.data() + ymm_high_at + 16 * number, v.data() + 16, 16);
}

/// The fields of a three-byte VEX prefix with the ModRM and SIB bytes behind it (SDM vol. 2, 2.3).
struct VexFields {
    unsigned reg, vvvv, index, scale;
    bool wide;
    unsigned vector_bytes;
    std::uint8_t opcode;
};

VexFields vex_fields(const Insn& insn) {
    const std::uint8_t* const p = insn.bytes.data() + insn.opcode_offset;
    const unsigned modrm = insn.bytes[insn.modrm_offset];
    const unsigned sib = insn.bytes[insn.modrm_offset + 1u];
    VexFields f{};
    f.reg = (modrm >> 3 & 7) | ((p[1] & 0x80) == 0 ? 8 : 0);
    f.index = (sib >> 3 & 7) | ((p[1] & 0x40) == 0 ? 8 : 0);
    f.scale = 1u << (sib >> 6);
    f.wide = (p[2] & 0x80) != 0;
    f.vvvv = (p[2] >> 3 & 15u) ^ 15u;
    f.vector_bytes = (p[2] & 4) != 0 ? 32 : 16;
    f.opcode = p[3];
    return f;
}

bool is_chosen(const Vector& mask, std::size_t element, std::size_t size) {
    return (mask[(element + 1) * size - 1] & std::byte{0x80}) != std::byte{0};
}

Emulated masked_move(const Insn& insn, EmulationContext& c) {
    const VexFields f = vex_fields(insn);
    const bool wide_opcode =
        insn.mnemonic == ZYDIS_MNEMONIC_VMASKMOVPD || insn.mnemonic == ZYDIS_MNEMONIC_VPMASKMOVQ;
    const std::size_t size = wide_opcode ? 8 : 4;
    const std::size_t count = f.vector_bytes / size;
    const Vaddr at = effective_address(insn, c.state);
    const Vector mask = read_vector(c.state, f.vvvv);
    if (!insn.memory.write) {
        Vector loaded{};
        for (std::size_t i = 0; i < count; ++i) {
            const auto element = std::span(loaded).subspan(i * size, size);
            if (is_chosen(mask, i, size) && !c.memory.read(at + i * size, element))
                return memory_fault(c);
        }
        write_vector(c.state, f.reg, loaded);
        return retire(insn, c);
    }
    const Vector source = read_vector(c.state, f.reg);
    // The first round stores what is there: it only asks for the right, so that a fault in the
    // middle has changed nothing.
    for (const bool try_only : {true, false}) {
        for (std::size_t i = 0; i < count; ++i) {
            if (!is_chosen(mask, i, size)) continue;
            std::array<std::byte, 8> there{};
            const auto old = std::span(there).first(size);
            if (try_only && !c.memory.read(at + i * size, old)) {
                Emulated fault = memory_fault(c);
                constexpr std::uint8_t page_fault = 14;
                if (fault.exit->vector == page_fault) fault.exit->error_code |= fault_bits::write;
                return fault;
            }
            const auto element = try_only ? std::span<const std::byte>(old)
                                          : std::span(source).subspan(i * size, size);
            if (!c.memory.write(at + i * size, element)) return memory_fault(c);
        }
    }
    return retire(insn, c);
}

/// SDM vol. 2, VGATHERDPS and kin: elements below a faulting one are loaded, and their masks clear,
/// so that the repeated instruction goes on where it stopped.
Emulated gather(const Insn& insn, EmulationContext& c) {
    const VexFields f = vex_fields(insn);
    const std::size_t size = f.wide ? 8 : 4;
    const std::size_t index_size = (f.opcode & 1) != 0 ? 8 : 4;
    const std::size_t count = f.vector_bytes / std::max(size, index_size);
    const Vector indices = read_vector(c.state, f.index);
    Vector mask = read_vector(c.state, f.vvvv);
    Vector into = read_vector(c.state, f.reg);
    for (std::size_t i = 0; i < count; ++i) {
        const auto mask_element = std::span(mask).subspan(i * size, size);
        if (is_chosen(mask, i, size)) {
            std::int64_t index = 0;
            std::memcpy(&index, indices.data() + i * index_size, index_size);
            if (index_size == 4) index = static_cast<std::int32_t>(index);
            std::array<std::byte, 8> loaded{};
            const auto offset = static_cast<std::uint64_t>(index) * f.scale;
            if (!c.memory.read(effective_address(insn, c.state, 0, offset),
                               std::span(loaded).first(size))) {
                write_vector(c.state, f.reg, into);
                write_vector(c.state, f.vvvv, mask);
                return memory_fault(c);
            }
            std::memcpy(into.data() + i * size, loaded.data(), size);
        }
        std::fill(mask_element.begin(), mask_element.end(), std::byte{0});
    }
    std::memset(into.data() + count * size, 0, into.size() - count * size);
    write_vector(c.state, f.reg, into);
    write_vector(c.state, f.vvvv, Vector{});
    return retire(insn, c);
}

}  // namespace

std::optional<Emulated> emulate_vector(const Insn& insn, EmulationContext& c) {
    switch (insn.mnemonic) {
        case ZYDIS_MNEMONIC_VMASKMOVPS:
        case ZYDIS_MNEMONIC_VMASKMOVPD:
        case ZYDIS_MNEMONIC_VPMASKMOVD:
        case ZYDIS_MNEMONIC_VPMASKMOVQ:
            if ((c.state.cr0 & cr0::ts) != 0) return fault_exception(7);
            return masked_move(insn, c);
        case ZYDIS_MNEMONIC_VGATHERDPS:
        case ZYDIS_MNEMONIC_VGATHERDPD:
        case ZYDIS_MNEMONIC_VGATHERQPS:
        case ZYDIS_MNEMONIC_VGATHERQPD:
        case ZYDIS_MNEMONIC_VPGATHERDD:
        case ZYDIS_MNEMONIC_VPGATHERDQ:
        case ZYDIS_MNEMONIC_VPGATHERQD:
        case ZYDIS_MNEMONIC_VPGATHERQQ:
            if ((c.state.cr0 & cr0::ts) != 0) return fault_exception(7);
            return gather(insn, c);
        default:
            return {};
    }
}

}  // namespace ring3
