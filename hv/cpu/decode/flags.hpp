// SPDX-License-Identifier: MIT
// Which arithmetic flags can still be read, by a rule that looks at guest code alone.
//
// A TLB check clobbers flags, and is therefore emitted in a costlier form where they are live. What
// a fault's frame shows for dead flags must not depend on how code was cut into blocks, so deadness
// is decided by this one bounded scan from the instruction itself, and dead flags read as zero
// wherever the guest (or a digest) can see them.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "hv/cpu/decode/decoder.hpp"
#include "hv/cpu/decode/insn.hpp"

namespace ring3 {

/// Looks ahead in one page of guest code at a time. What it decoded is kept until the next page,
/// and so is the range of bytes that answers depended on.
class FlagScan {
public:
    explicit FlagScan(Decoder& decoder);

    /// From now on offsets are into this page, or into a view of two neighbours.
    void begin(std::span<const std::uint8_t> page);

    /// The instruction at this offset; null where it leaves the page. Valid until begin().
    const Insn* insn(std::uint32_t offset);

    /// Arithmetic flags that code from `offset` on may read before overwriting them. Code that
    /// leaves the page, and whatever leaves straight-line translation, counts as reading all.
    std::uint32_t live(std::uint32_t offset);

    /// Bytes [first, last) that the answers so far were read from.
    std::uint32_t first_byte() const { return first_; }
    std::uint32_t last_byte() const { return last_; }

private:
    static constexpr unsigned scan_limit = 24;
    static constexpr std::uint16_t unknown = 0xffff;

    /// What is known of an offset, if `generation` is that of the page.
    struct Known {
        std::uint32_t generation = 0;
        std::uint16_t insn = unknown;
        std::uint16_t live = unknown;
    };

    Known& known(std::uint32_t offset);
    std::uint32_t live(std::uint32_t offset, unsigned budget);

    Decoder& decoder_;
    std::span<const std::uint8_t> page_;
    std::uint32_t generation_ = 0;
    std::vector<Known> known_;
    /// Never grows beyond what is reserved, so that pointers into it stay.
    std::vector<Insn> insns_;
    std::uint32_t first_ = 0, last_ = 0;
};

}  // namespace ring3
