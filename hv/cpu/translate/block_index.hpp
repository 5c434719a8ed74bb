// SPDX-License-Identifier: MIT
// Numbers of blocks, or of stored translations, found by a hash: a table of open addressing.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace ring3 {

class BlockIndex {
public:
    static constexpr std::uint32_t none = ~std::uint32_t{0};

    BlockIndex() : slots_(least_slots) {}

    /// The number that was added with this hash and that `is` is true of; none: there is none.
    template <class Is>
    std::uint32_t find(std::uint32_t hash, Is is) const {
        for (std::size_t at = hash & mask(); slots_[at].number != none; at = (at + 1) & mask()) {
            const Slot& slot = slots_[at];
            if (slot.hash == hash && slot.number != gone && is(slot.number)) return slot.number;
        }
        return none;
    }

    void add(std::uint32_t hash, std::uint32_t number) {
        if (2 * (used_ + 1) > slots_.size()) grow();
        std::size_t at = hash & mask();
        while (slots_[at].number != none) at = (at + 1) & mask();
        slots_[at] = {hash, number};
        ++used_;
        ++live_;
    }

    void remove(std::uint32_t hash, std::uint32_t number) {
        for (std::size_t at = hash & mask(); slots_[at].number != none; at = (at + 1) & mask()) {
            if (slots_[at].number != number) continue;
            // What was added behind it must still be found.
            slots_[at].number = gone;
            --live_;
            return;
        }
    }

    void clear() {
        slots_.assign(least_slots, Slot{});
        used_ = live_ = 0;
    }

private:
    static constexpr std::uint32_t gone = none - 1;
    static constexpr std::size_t least_slots = 1024;

    struct Slot {
        std::uint32_t hash = 0;
        std::uint32_t number = none;
    };

    std::size_t mask() const { return slots_.size() - 1; }

    /// Room for as many again as there are; slots of what is gone are given up.
    void grow() {
        const std::size_t size = std::max(least_slots, std::bit_ceil(4 * live_));
        const std::vector<Slot> old = std::exchange(slots_, std::vector<Slot>(size));
        used_ = live_ = 0;
        for (const Slot& slot : old)
            if (slot.number < gone) add(slot.hash, slot.number);
    }

    std::vector<Slot> slots_;
    std::size_t used_ = 0;  ///< slots, of what is gone as well
    std::size_t live_ = 0;
};

}  // namespace ring3
