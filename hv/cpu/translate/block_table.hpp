// SPDX-License-Identifier: MIT
// The blocks translated so far: found by where their guest code stands, linked to each other, and
// dropped when their guest code is written.
#pragma once

#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

#include "hv/base/units.hpp"
#include "hv/cpu/translate/code_cache.hpp"
#include "hv/cpu/translate/context.hpp"
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

    friend bool operator==(const BlockKey&, const BlockKey&) = default;
};

struct BlockKeyHash {
    std::size_t operator()(const BlockKey& key) const {
        std::uint64_t h = key.rip.raw * 0x9e37'79b9'7f4a'7c15u;
        h ^= (key.frame.raw << 8 | static_cast<std::uint64_t>(key.variant) << 1 |
              static_cast<std::uint64_t>(key.kernel_mode)) *
             0xc2b2'ae3d'27d4'eb4fu;
        return h ^ h >> 29;
    }
};

struct Block {
    BlockKey key;
    std::uint64_t host_base = 0;
    std::uint32_t host_size = 0;
    std::uint64_t direct_entry = 0, checked_entry = 0, lookup_entry = 0;
    /// Bytes of the frame that the translation depends on.
    std::uint32_t first_byte = 0, last_byte = 0;
    std::uint16_t live_behind = 0;
    std::unique_ptr<const Insn> emulated;
    std::vector<Relocation> relocations;
    bool is_movable = false;
    std::vector<InsnSite> sites;
    std::vector<LinkSite> links;
    /// By link, the block that it leads to; `nowhere`: back to C++.
    std::vector<std::uint32_t> linked_to;
    static constexpr std::uint32_t nowhere = ~std::uint32_t{0};
    /// Links of other blocks that lead here.
    std::vector<LinkNumber> linked_from;
    std::uint32_t number = 0;

    bool straddles() const { return key.second_frame != invalid_mfn; }
    /// The instruction whose host code holds this address.
    const InsnSite& site_of(std::uint64_t host_address) const;
    std::size_t index_of(const InsnSite& site) const {
        return static_cast<std::size_t>(&site - sites.data());
    }
};

class BlockTable {
public:
    explicit BlockTable(CodeCache& cache) : cache_(cache), recent_(recent_slots, no_block) {}

    Block* find(const BlockKey& key);
    /// A movable block for the same code at another address; null: none.
    const Block* find_twin(const BlockKey& key) const;
    Block& at(std::uint32_t number) { return *blocks_[number]; }
    /// The block whose host code holds this address; null: none.
    Block* holding(std::uint64_t host_address);

    /// The number that the next added block will have.
    std::uint32_t next_number() const;
    Block& add(const BlockKey& key, Translation&& translation);
    /// Makes a link of one block lead to another one.
    void link(LinkNumber from, Block& to);

    /// Where a block that was dropped could be entered.
    struct Dropped {
        Vaddr rip{};
        bool kernel_mode = true;
        std::uint64_t checked_entry = 0;
    };
    /// Drops the blocks that depend on these bytes of a frame.
    std::vector<Dropped> drop(Mfn frame, std::uint64_t offset, std::uint64_t length);
    bool has_code(Mfn frame) const { return by_frame_.contains(frame.raw); }
    /// Frames that have blocks.
    std::vector<Mfn> frames() const;
    void clear();

    std::size_t size() const { return by_key_.size(); }

private:
    void unlink(LinkNumber from);
    void remove(std::uint32_t number);

    static constexpr std::size_t recent_slots = 131072;
    static constexpr std::uint32_t no_block = ~std::uint32_t{0};

    CodeCache& cache_;
    /// By hash: blocks found lately, before the whole table is asked. May name blocks that are
    /// gone.
    std::vector<std::uint32_t> recent_;
    std::vector<std::unique_ptr<Block>> blocks_;
    std::unordered_map<BlockKey, std::uint32_t, BlockKeyHash> by_key_;
    /// Movable blocks, one for each place of code: RIP is the offset in the page alone.
    std::unordered_map<BlockKey, std::uint32_t, BlockKeyHash> by_place_;
    std::unordered_map<std::uint64_t, std::vector<std::uint32_t>> by_frame_;
    /// Host address of each block's start, ascending: the cache only grows until it is emptied.
    std::vector<std::pair<std::uint64_t, std::uint32_t>> by_host_;
};

}  // namespace ring3
