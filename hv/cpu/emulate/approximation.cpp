// SPDX-License-Identifier: MIT
// RCPPS, RCPSS, RSQRTPS, RSQRTSS and their VEX forms. The SDM bounds their error by 1.5 * 2^-12 and
// CPUs differ below it; here the result is the true value cut to 12 bits of fraction. (In double
// arithmetic: a correctly rounded quotient and square root are the same on every host.)
#include <Zydis/Mnemonic.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>

#include "hv/cpu/emulate/emulate.hpp"

namespace ring3 {
namespace {

constexpr std::size_t xmm_at = 160, ymm_high_at = 576;  // in the XSAVE image, 16 bytes each
constexpr std::uint32_t sign_bit = 0x8000'0000, infinity = 0x7f80'0000, quiet_bit = 0x40'0000,
                        indefinite = 0xffc0'0000;

/// 12 bits of fraction; tiny results are flushed to zero.
std::uint32_t cut(double value, std::uint32_t sign) {
    constexpr std::uint64_t dropped = (std::uint64_t{1} << 40) - 1;
    const double kept = std::bit_cast<double>(std::bit_cast<std::uint64_t>(value) & ~dropped);
    if (std::fabs(kept) < 0x1p-126) return sign;
    return std::bit_cast<std::uint32_t>(static_cast<float>(kept));
}

/// SDM vol. 2, RCPPS and RSQRTPS: denormals count as zero, and no exception is raised.
std::uint32_t approximate(std::uint32_t bits, bool square_root) {
    const std::uint32_t sign = bits & sign_bit, magnitude = bits & ~sign_bit;
    if (magnitude > infinity) return bits | quiet_bit;
    if (magnitude < 0x80'0000) return sign | infinity;
    if (square_root && sign != 0) return indefinite;
    if (magnitude == infinity) return sign;
    const double x = std::bit_cast<float>(bits);
    return cut(1 / (square_root ? std::sqrt(x) : x), sign);
}

/// Registers with their fourth bits, from REX or VEX.
struct Registers {
    std::size_t reg, rm, vvvv;
    bool vector_256;
};

Registers registers_of(const Insn& insn) {
    const unsigned modrm = insn.bytes[insn.modrm_offset];
    Registers r{modrm >> 3 & 7u, modrm & 7u, 0, false};
    if (insn.vex) {
        const std::uint8_t* const p = insn.bytes.data() + insn.opcode_offset;
        const bool three = p[0] == 0xc4;
        const unsigned last = three ? p[2] : p[1];
        if ((p[1] & 0x80) == 0) r.reg += 8;
        if (three && (p[1] & 0x20) == 0) r.rm += 8;
        r.vvvv = (last >> 3 & 15u) ^ 15u;
        r.vector_256 = (last & 4) != 0;
    } else if (insn.opcode_offset > 0 && (insn.bytes[insn.opcode_offset - 1u] & 0xf0) == 0x40) {
        const unsigned rex = insn.bytes[insn.opcode_offset - 1u];
        if ((rex & 4) != 0) r.reg += 8;
        if ((rex & 1) != 0) r.rm += 8;
    }
    return r;
}

using Vector = std::array<std::uint32_t, 8>;

Vector read_vector(const CpuState& state, std::size_t number) {
    Vector v;
    std::memcpy(v.data(), state.xsave.data() + xmm_at + 16 * number, 16);
    std::memcpy(v.data() + 4, state.xsave.data() + ymm_high_at + 16 * number, 16);
    return v;
}

void write_vector(CpuState& state, std::size_t number, const Vector& v) {
    std::memcpy(state.xsave.data() + xmm_at + 16 * number, v.data(), 16);
    std::memcpy(state.xsave.data() + ymm_high_at + 16 * number, v.data() + 4, 16);
}

Emulated approximate(const Insn& insn, EmulationContext& c, bool square_root, bool scalar) {
    if ((c.state.cr0 & cr0::ts) != 0) return fault_exception(7);
    const Registers r = registers_of(insn);
    const std::size_t count = scalar ? 1 : r.vector_256 && insn.vex ? 8 : 4;
    Vector source = read_vector(c.state, r.rm);
    if (insn.has_memory) {
        const Vaddr at = effective_address(insn, c.state);
        if (!scalar && !insn.vex && (at.raw & 15) != 0) return general_protection();
        if (!c.memory.read(at, std::as_writable_bytes(std::span(source)).first(count * 4)))
            return memory_fault(c);
    }
    // Behind the elements: a scalar keeps its other operand's, and VEX clears what is left.
    Vector result = read_vector(c.state, insn.vex && scalar ? r.vvvv : r.reg);
    if (insn.vex) std::fill(result.begin() + std::max<std::size_t>(count, 4), result.end(), 0);
    for (std::size_t i = 0; i < count; ++i) result[i] = approximate(source[i], square_root);
    write_vector(c.state, r.reg, result);
    return retire(insn, c);
}

}  // namespace

std::optional<Emulated> emulate_approximation(const Insn& insn, EmulationContext& c) {
    switch (insn.mnemonic) {
        case ZYDIS_MNEMONIC_RCPPS:
        case ZYDIS_MNEMONIC_VRCPPS:
            return approximate(insn, c, false, false);
        case ZYDIS_MNEMONIC_RCPSS:
        case ZYDIS_MNEMONIC_VRCPSS:
            return approximate(insn, c, false, true);
        case ZYDIS_MNEMONIC_RSQRTPS:
        case ZYDIS_MNEMONIC_VRSQRTPS:
            return approximate(insn, c, true, false);
        case ZYDIS_MNEMONIC_RSQRTSS:
        case ZYDIS_MNEMONIC_VRSQRTSS:
            return approximate(insn, c, true, true);
        default:
            return {};
    }
}

}  // namespace ring3
