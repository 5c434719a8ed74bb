// SPDX-License-Identifier: MIT
// One direction of a shared page between a guest and a back end: a power of two of bytes, a
// producer and a consumer index that run freely. The guest can write anything anywhere at any time:
// each index is read once per question, and an impossible pair is an answer, never an assumption.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "hv/base/units.hpp"
#include "hv/memory/frame_table.hpp"

namespace ring3 {

class ByteRing {
public:
    /// Offsets inside the page. The page stays the guest's for as long as this is used: whoever
    /// makes this holds a reference to it.
    struct Layout {
        std::uint32_t data, size, consumer, producer;
    };

    ByteRing(FrameTable& frames, Mfn page, Layout layout)
        : frames_(&frames), page_(page), layout_(layout) {}

    /// Bytes in the ring; nothing when the indices are more than the ring's size apart.
    std::optional<std::uint32_t> used() const;
    /// Takes up to `most` bytes and moves the consumer. Nothing when the indices are impossible.
    std::vector<std::byte> take(std::size_t most);
    /// Puts in as many of the bytes as fit, moves the producer, and says how many.
    std::size_t put(std::span<const std::byte> bytes);

private:
    std::uint32_t index(std::uint32_t offset) const;
    void set_index(std::uint32_t offset, std::uint32_t value);

    FrameTable* frames_;
    Mfn page_;
    Layout layout_;
};

}  // namespace ring3
