// SPDX-License-Identifier: MIT
// The blocks translated so far: found by where their guest code stands, linked to each other, and
// dropped when their guest code is written.
#pragma once

#include <cstdint>
#include <memory_resource>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include "hv/base/units.hpp"
#include "hv/cpu/translate/block_index.hpp"
#include "hv/cpu/translate/code_cache.hpp"
#include "hv/cpu/translate/context.hpp"
#include "hv/cpu/translate/relocation.hpp"
#include "hv/cpu/translate/translate.hpp"

namespace ring3 {

/// Where a block's guest code stands and how it was translated. Blocks hold RIP as a constant, so
/// the same frame at another address has blocks of its own.
struct BlockKey {
    Vaddr rip{};
    Mfn frame{};
    Mfn second_frame = invalid_mfn;  ///< of an instruction that straddles pages
    bool kernel_mode = true;
    Variant variant = Variant::normal;
    std::uint32_t windows =
        0;  ///< Windows::number() of those that it is for alone; 0: it uses none

    friend bool operator==(const BlockKey&, const BlockKey&) = default;
};

/// A block, and all that is known of it: in the table's arena, and never freed by itself.
struct Block {
    static constexpr std::uint32_t none = BlockIndex::none;

    BlockKey key;
    std::uint32_t number = 0;
    std::uint32_t host_size = 0;
    std::uint64_t host_base = 0;
    std::uint64_t direct_entry = 0, checked_entry = 0, lookup_entry = 0;
    /// Bytes of the frame that the translation depends on.
    std::uint32_t first_byte = 0, last_byte = 0;
    std::uint16_t live_behind = 0;
    bool is_movable = false;
    std::uint64_t distance = 0;  ///< of the windows that it uses; 0: none
    const Insn* emulated = nullptr;
    std::span<const InsnSite> sites;
    std::span<const LinkSite> links;
    std::span<const Relocation> relocations;
    std::span<WindowSite> window_sites;
    /// By link.
    struct Linked {
        std::uint32_t to = none;    ///< the block that it leads to; none: back to C++
        std::uint32_t next = none;  ///< the next one of those that lead there (LinkNumber)
    };
    std::span<Linked> linked;
    /// The first of other blocks' links that lead here (LinkNumber).
    std::uint32_t linked_from = none;
    /// The next block of the same frame, and for one that straddles, of its second frame.
    std::uint32_t next_in_frame[2] = {none, none};

    bool straddles() const { return key.second_frame != invalid_mfn; }
    /// The instruction whose host code holds this address.
    const InsnSite& site_of(std::uint64_t host_address) const;
    std::size_t index_of(const InsnSite& site) const {
        return static_cast<std::size_t>(&site - sites.data());
    }
};
static_assert(std::is_trivially_destructible_v<Block>);

class BlockTable {
public:
    explicit BlockTable(CodeCache& cache) : cache_(cache) {}

    Block* find(const BlockKey& key);
    /// A movable block for the same code at another address; null: none.
    const Block* find_twin(const BlockKey& key) const;
    Block& at(std::uint32_t number) { return *blocks_[number]; }
    /// The block whose host code holds this address; null: none.
    Block* holding(std::uint64_t host_address);

    /// The number that the next added block will have.
    std::uint32_t next_number() const;
    /// A block like `image`, which must serve for it (relocation.hpp); `distance`: of its windows.
    Block& add(const BlockKey& key, const BlockImage& image, std::uint64_t distance);
    /// Makes a check of the block be for this region, too.
    void add_region(const Block& block, WindowSite& site, std::uint32_t region);
    /// Makes a check be for no region.
    void forget_regions(const Block& block, WindowSite& site);
    /// Makes the branch at this offset of the block's host code lead elsewhere.
    void set_branch(const Block& block, std::uint16_t rel32, std::uint64_t target) {
        cache_.patch_branch(block.host_base + rel32, target);
    }
    /// Makes a link of one block lead to another one.
    void link(LinkNumber from, Block& to);
    /// Makes a link lead to C++ again, if its block is still there and it leads elsewhere.
    void break_link(LinkNumber from);

    /// Where a block that was dropped could be entered.
    struct Dropped {
        Vaddr rip{};
        bool kernel_mode = true;
        std::uint64_t checked_entry = 0;
    };
    /// Drops the blocks that depend on these bytes of a frame.
    std::vector<Dropped> drop(Mfn frame, std::uint64_t offset, std::uint64_t length);
    bool has_code(Mfn frame) const { return first_in(frame) != Block::none; }
    /// Frames that have blocks.
    std::vector<Mfn> frames() const;
    void clear();

    std::size_t size() const { return size_; }

private:
    void set_regions(const Block& block, const WindowSite& site);
    void unlink(LinkNumber from);
    void forget_link(const Block& from, LinkNumber link);
    void remove(Block& block);
    void leave_frame(const Block& block, Mfn frame);
    std::uint32_t first_in(Mfn frame) const {
        return frame.raw < by_frame_.size() ? by_frame_[frame.raw] : Block::none;
    }
    /// The block's place in the list of this frame's blocks.
    static std::uint32_t& next_in(Block& block, Mfn frame) {
        return block.next_in_frame[block.key.frame == frame ? 0 : 1];
    }
    template <class T>
    std::span<T> copy(std::span<const T> from);

    CodeCache& cache_;
    std::pmr::monotonic_buffer_resource arena_;
    /// By number; null: it is gone.
    std::vector<Block*> blocks_;
    std::size_t size_ = 0;
    BlockIndex by_key_;
    /// Movable blocks, one for each place of code.
    BlockIndex by_place_;
    /// The first block of each frame.
    std::vector<std::uint32_t> by_frame_;
    /// Host address of each block's start, ascending: the cache only grows until it is emptied.
    std::vector<std::pair<std::uint64_t, std::uint32_t>> by_host_;
};

}  // namespace ring3
