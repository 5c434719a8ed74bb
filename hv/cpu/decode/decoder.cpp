// SPDX-License-Identifier: MIT
#include "hv/cpu/decode/decoder.hpp"

#include <cstring>

namespace ring3 {
namespace {

/// The prefixes that are derived; of each kind at most one, so that their order does not matter.
enum PrefixBits : std::uint64_t {
    operand_size = 1,
    repne = 2,
    rep = 4,
    lock = 8,
    segment_shift = 4,  // three bits: which, plus one
};

/// The bits that this byte adds to a key as a legacy prefix; 0: it is none that is derived.
std::uint64_t prefix_bits(std::uint8_t byte) {
    switch (byte) {
        case 0x66:
            return operand_size;
        case 0xf2:
            return repne;
        case 0xf3:
            return rep;
        case 0xf0:
            return lock;
        case 0x26:
            return 1u << segment_shift;
        case 0x2e:
            return 2u << segment_shift;
        case 0x36:
            return 3u << segment_shift;
        case 0x3e:
            return 4u << segment_shift;
        case 0x64:
            return 5u << segment_shift;
        case 0x65:
            return 6u << segment_shift;
        default:
            return 0;
    }
}

constexpr std::uint64_t segment_bits = 7u << segment_shift;

constexpr bool is_rex(std::uint8_t byte) { return (byte & 0xf0) == 0x40; }

std::int64_t read_signed(const std::uint8_t* from, unsigned size) {
    std::uint64_t raw = 0;
    std::memcpy(&raw, from, size);
    const unsigned unused = 64 - 8 * size;
    return static_cast<std::int64_t>(raw << unused) >> unused;
}

/// Bytes of displacement behind ModRM and SIB (SDM vol. 2, tables 2-2 and 2-3).
unsigned displacement_size(unsigned mod, unsigned rm, unsigned sib_base) {
    if (mod == 1) return 1;
    if (mod == 2) return 4;
    return rm == 5 || (rm == 4 && sib_base == 5) ? 4 : 0;
}

}  // namespace

Decoder::Decoder(IsaLevel level) : level_(level), shapes_(shape_slots) {}

bool Decoder::decode(std::span<const std::uint8_t> bytes, Insn& insn) {
    // Near a page's end Zydis tells what is complete.
    constexpr std::size_t longest = 15;
    if (bytes.size() < longest) return decode_unknown(bytes, insn, 0, 0);

    const std::uint8_t* const begin = bytes.data();
    const std::uint8_t* at = begin;
    std::uint64_t prefixes = 0;
    while (const std::uint64_t bits = prefix_bits(*at)) {
        const std::uint64_t same_kind = (bits & segment_bits) != 0 ? segment_bits : bits;
        if ((prefixes & same_kind) != 0) return decode_unknown(bytes, insn, 0, 0);
        prefixes |= bits;
        ++at;
    }
    if ((prefixes & (repne | rep)) == (repne | rep)) return decode_unknown(bytes, insn, 0, 0);
    std::uint8_t rex = 0;
    if (is_rex(*at)) rex = *at++;
    const std::uint8_t* const opcode_start = at;
    std::size_t opcode_index = *at++;
    if (opcode_index == 0x0f) opcode_index = 256u + *at++;
    // The other maps, VEX, a prefix in a wrong place, 67H.
    switch (opcode_index) {
        case 0x100 + 0x0f:
        case 0x100 + 0x38:
        case 0x100 + 0x3a:
        case 0xc4:
        case 0xc5:
        case 0x62:
        case 0x67:
        // MOV to and from control and debug registers: ModRM names registers whatever its mod.
        case 0x100 + 0x20:
        case 0x100 + 0x21:
        case 0x100 + 0x22:
        case 0x100 + 0x23:
            return decode_unknown(bytes, insn, 0, 0);
        default:
            if (opcode_index < 256 && (is_rex(static_cast<std::uint8_t>(opcode_index)) ||
                                       prefix_bits(static_cast<std::uint8_t>(opcode_index)) != 0)) {
                return decode_unknown(bytes, insn, 0, 0);
            }
    }
    const std::uint8_t modrm = *at;
    const std::uint64_t without_modrm =
        std::uint64_t{1} << 40 | prefixes << 32 | std::uint64_t{rex} << 24 | opcode_index << 8;
    std::uint64_t key = without_modrm;
    switch (modrm_[opcode_index]) {
        case Modrm::unknown:
            return decode_unknown(bytes, insn, without_modrm | modrm, opcode_index);
        case Modrm::absent:
            break;
        case Modrm::present:
            key |= modrm;
            ++at;
            break;
    }
    const std::uint64_t mixed = key * 0x9e37'79b9'7f4a'7c15u;
    const Shape& shape = shapes_[mixed >> 51];
    static_assert(shape_slots == std::size_t{1} << (64 - 51));
    if (shape.key != key) return decode_unknown(bytes, insn, key, opcode_index);

    insn = shape.example;
    if (insn.modrm_offset != 0) {
        const unsigned mod = modrm >> 6, rm = modrm & 7;
        if (mod != 3) {
            unsigned sib_base = 0;
            if (rm == 4) {
                const std::uint8_t sib = *at++;
                sib_base = sib & 7;
                const int index = (sib >> 3 & 7) | (rex & 2) << 2;
                if (index != 4) {
                    insn.memory.index = static_cast<std::int8_t>(index);
                    insn.memory.scale = static_cast<std::uint8_t>(1u << (sib >> 6));
                }
                if (mod != 0 || sib_base != 5) {
                    insn.memory.base = static_cast<std::int8_t>(sib_base | (rex & 1u) << 3);
                }
            }
            if (const unsigned size = displacement_size(mod, rm, sib_base)) {
                insn.memory.displacement = read_signed(at, size);
                at += size;
            }
        }
        insn.tail_offset = static_cast<std::uint8_t>(at - begin);
    }
    if (const unsigned size = shape.immediate.size) {
        std::int64_t value = read_signed(at, size);
        if (!shape.immediate.is_signed && size < 8) {
            value &= static_cast<std::int64_t>((std::uint64_t{1} << 8 * size) - 1);
        }
        insn.immediate = value;
        at += size;
    }
    const auto length = static_cast<std::size_t>(at - begin);
    if (length > longest) return decode_unknown(bytes, insn, 0, 0);
    insn.length = static_cast<std::uint8_t>(length);
    std::memcpy(insn.bytes.data(), begin, longest);
    std::memset(insn.bytes.data() + length, 0, insn.bytes.size() - length);
    insn.opcode_offset = static_cast<std::uint8_t>(opcode_start - begin);
    note_address_registers(insn);
    return true;
}

bool Decoder::decode_unknown(std::span<const std::uint8_t> bytes, Insn& insn, std::uint64_t key,
                             std::size_t opcode_index) {
    ImmediateEncoding immediate;
    if (!decode_all_but_address(bytes, level_, insn, immediate)) return false;
    if (key != 0 && immediate.is_whole_difference) {
        const bool has_modrm = insn.modrm_offset != 0;
        modrm_[opcode_index] = has_modrm ? Modrm::present : Modrm::absent;
        if (!has_modrm) key &= ~std::uint64_t{0xff};
        Shape& shape = shapes_[(key * 0x9e37'79b9'7f4a'7c15u) >> 51];
        shape.key = key;
        shape.immediate = immediate;
        shape.example = insn;
        Insn& example = shape.example;
        const bool has_sib = has_modrm && (insn.bytes[insn.modrm_offset] & 7) == 4 &&
                             insn.bytes[insn.modrm_offset] < 0xc0;
        if (has_sib) example.memory.base = example.memory.index = no_register;
        example.memory.scale = 1;
        example.memory.displacement = 0;
        if (immediate.size != 0) example.immediate = 0;
    }
    note_address_registers(insn);
    return true;
}

}  // namespace ring3
