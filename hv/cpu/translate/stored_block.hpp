// SPDX-License-Identifier: MIT
// One translation in the form in which it is stored: its image and the guest code that it was made
// of, in one piece.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "hv/cpu/translate/relocation.hpp"
#include "hv/cpu/translate/translate.hpp"

namespace ring3 {

/// Only one build of the program can read what it wrote: structures are stored as they are.
/// `base`: of the code cache, from which the host code's place counts.
std::vector<std::uint8_t> pack_block(const TranslationRequest& request, const BlockImage& image,
                                     std::uint64_t base);

/// A stored translation, which `bytes` must outlive.
struct StoredBlock {
    BlockImage image;
    bool kernel_mode = true;
    Variant variant = Variant::normal;
    /// The bytes of the page that the translation depends on: from image.first_byte on.
    std::span<const std::uint8_t> guest_code;
};

/// Nothing: these bytes are not what pack_block() wrote. They must be aligned to 16.
std::optional<StoredBlock> unpack_block(std::span<const std::uint8_t> bytes, std::uint64_t base);

}  // namespace ring3
