// SPDX-License-Identifier: MIT
// decode() for whoever decodes much: by example. Zydis decodes the first instruction of each shape
// (prefixes, opcode, ModRM byte); from then on those that differ from it in SIB, displacement and
// immediate alone are derived from that one, several times faster.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "hv/cpu/decode/insn.hpp"
#include "hv/cpu/decode/shape.hpp"

namespace ring3 {

class Decoder {
public:
    explicit Decoder(IsaLevel level);

    /// As decode() in insn.hpp.
    bool decode(std::span<const std::uint8_t> bytes, Insn& insn);
    IsaLevel level() const { return level_; }

private:
    struct Shape {
        std::uint64_t key = 0;  ///< 0: not in use
        Insn example;  ///< without SIB, displacement, immediate and registers of an address
        ImmediateEncoding immediate;
    };
    /// More than the shapes of a kernel's hot code; a collision only costs time.
    static constexpr std::size_t shape_slots = 8192;

    /// Whether the opcode (of map 0 or 1: with 0FH) has a ModRM byte; learned from Zydis.
    enum class Modrm : std::uint8_t { unknown, absent, present };

    bool decode_unknown(std::span<const std::uint8_t> bytes, Insn& insn, std::uint64_t key,
                        std::size_t opcode_index);

    IsaLevel level_;
    std::array<Modrm, 512> modrm_{};
    std::vector<Shape> shapes_;
};

}  // namespace ring3
