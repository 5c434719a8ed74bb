// SPDX-License-Identifier: MIT
// The same guest code at another address: its block is copied and moved instead of translated
// again. Programs and libraries stand at random addresses in each process, in the same frames.
#pragma once

#include <cstdint>

#include "hv/cpu/translate/block_table.hpp"
#include "hv/cpu/translate/translate.hpp"

namespace ring3 {

/// What a block like `twin`, which must be movable, is for `request`: the same code (frame and
/// offset, mode, variant) at another address that may be moved to.
Translation move_block(const Block& twin, const TranslationRequest& request);

/// Whether a block for code at `rip` may be moved from or to there: constants have the same form.
constexpr bool is_movable_address(Vaddr rip) {
    // Nothing within 2 GiB of it fits in 32 bits, nor does its negative.
    constexpr std::uint64_t low_end = std::uint64_t{1} << 33, lower_half = std::uint64_t{1} << 46;
    return rip.raw >= low_end && rip.raw < 2 * lower_half - low_end;
}

}  // namespace ring3
