// SPDX-License-Identifier: MIT
// Which arithmetic flags can still be read, by a rule that looks at guest code alone.
//
// A TLB check clobbers flags, and is therefore emitted in a costlier form where they are live. What
// a fault's frame shows for dead flags must not depend on how code was cut into blocks, so deadness
// is decided by this one bounded scan from the instruction itself, and dead flags read as zero
// wherever the guest (or a digest) can see them.
#pragma once

#include <cstdint>
#include <map>
#include <span>

#include "hv/cpu/decode/insn.hpp"

namespace ring3 {

/// Looks ahead in one page of guest code. Decoded instructions are kept while the object lives, and
/// so is the range of bytes that answers depended on.
class FlagScan {
public:
    FlagScan(std::span<const std::uint8_t> page, IsaLevel level) : page_(page), level_(level) {}

    /// The instruction at this offset; null where it leaves the page.
    const Insn* insn(std::uint32_t offset);

    /// Arithmetic flags that code from `offset` on may read before overwriting them. Code that
    /// leaves the page, and whatever leaves straight-line translation, counts as reading all.
    std::uint32_t live(std::uint32_t offset) { return live(offset, scan_limit); }

    /// Bytes [first, last) that the answers so far were read from.
    std::uint32_t first_byte() const { return first_; }
    std::uint32_t last_byte() const { return last_; }

private:
    static constexpr unsigned scan_limit = 24;

    std::uint32_t live(std::uint32_t offset, unsigned budget);

    std::span<const std::uint8_t> page_;
    IsaLevel level_;
    std::map<std::uint32_t, Insn> insns_;
    std::uint32_t first_ = 4096, last_ = 0;
};

}  // namespace ring3
