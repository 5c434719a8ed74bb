// SPDX-License-Identifier: MIT
// The same guest code once more: its block is copied and moved instead of translated again.
// Programs and libraries stand at random addresses in each process, in the same frames; and the
// next machine boots the same kernel (translation_store.hpp).
#pragma once

#include <cstdint>
#include <span>

#include "hv/cpu/translate/translate.hpp"

namespace ring3 {

struct Block;

/// A translation as it can be copied from: a block's, or one that was stored.
struct BlockImage {
    Vaddr rip{};                  ///< what it was made for
    std::uint64_t host_base = 0;  ///< where it would stand unchanged
    std::uint32_t direct_entry = 0, checked_entry = 0, lookup_entry = 0;
    std::uint32_t first_byte = 0, last_byte = 0;
    std::uint16_t live_behind = 0;
    bool is_movable = false;
    const Insn* emulated = nullptr;
    std::span<const std::uint8_t> host_code;
    std::span<const InsnSite> sites;
    std::span<const LinkSite> links;
    std::span<const Relocation> relocations;
    std::span<const WindowSite> window_sites;
    std::uint64_t distance = 0;  ///< of the windows that it uses; 0: none
};

BlockImage image_of(const Block& block);
BlockImage image_of(const Translation& translation, const TranslationRequest& request);

/// Whether a block for code at `rip` may be moved from or to there: constants have the same form.
constexpr bool is_movable_address(Vaddr rip) {
    // Nothing within 2 GiB of it fits in 32 bits, nor does its negative.
    constexpr std::uint64_t low_end = std::uint64_t{1} << 33, lower_half = std::uint64_t{1} << 46;
    return rip.raw >= low_end && rip.raw < 2 * lower_half - low_end;
}

/// Whether the image, of a block of the same mode and variant, serves for the same code at `rip`.
inline bool serves_at(const BlockImage& image, Vaddr rip) {
    return image.rip == rip || (image.is_movable && is_movable_address(rip) &&
                                page_offset(image.rip) == page_offset(rip));
}

/// The same for what is requested: also with its windows.
bool serves(const BlockImage& image, const TranslationRequest& request);

/// Whether one of these instructions looks its operands up in the TLB while others use windows.
bool has_windowless(std::span<const InsnSite> sites, const TranslationRequest& request);

/// Where a copy of an image stands.
struct BlockPlace {
    Vaddr rip{};
    std::uint64_t host_base = 0;
    std::uint32_t number = 0;    ///< names it in what it leaves in Context::link (LinkNumber)
    std::uint64_t distance = 0;  ///< of its windows
};

/// Makes code right for an address, and a distance of its windows, that are so much greater, where
/// it stands.
void move_addresses(std::uint8_t* code, std::span<const Relocation> relocations,
                    std::uint64_t delta, std::uint64_t window_delta);

/// Makes `code`, a copy of the host code of `image`, right for this place, at which the image must
/// serve: the same guest code (offset in the page, mode, variant). No branch is linked.
void relocate(std::span<std::uint8_t> code, const BlockImage& image, const BlockPlace& place);

}  // namespace ring3
