// SPDX-License-Identifier: MIT
// The blocks translated so far: found by where their guest code stands, linked to each other, and
// dropped when their guest code is written.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
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
    /// Its code page, and for one that straddles, its second one; and the next block in each.
    std::uint32_t page[2] = {none, none}, next_in_page[2] = {none, none};

    bool straddles() const { return key.second_frame != invalid_mfn; }
    /// The instruction whose host code holds this address.
    const InsnSite& site_of(std::uint64_t host_address) const;
    std::size_t index_of(const InsnSite& site) const {
        return static_cast<std::size_t>(&site - sites.data());
    }
};
static_assert(std::is_trivially_destructible_v<Block>);

/// The blocks for a frame at one address.
struct CodePage {
    Mfn frame{};
    Vaddr address{};
    bool kernel_mode = true;
    std::uint32_t windows = 0;
    std::uint32_t first = Block::none;
    /// The next code page of the same frame.
    std::uint32_t next = Block::none;
    /// Address spaces that may enter these blocks (BlockTable::note_user).
    static constexpr std::size_t most_users = 4;
    std::array<std::uint32_t, most_users> user{};
    std::uint8_t users = 0;
    bool has_more_users = false;
};

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
    using IsLiving = std::function<bool(std::uint32_t space)>;
    /// From now on this user address space, a number like no other's, may enter the block.
    void note_user(const Block& block, std::uint32_t space, const IsLiving& is_living);
    /// If the page that `key` is in has no blocks yet: a page of the same frame whose blocks no
    /// living address space may enter, and that can be moved there. Null: there is none.
    CodePage* abandoned_page(const BlockKey& key, const IsLiving& is_living);
    /// Moves its blocks: what they hold of their address, and of the distance of their windows,
    /// changes, and they stay where they are. Those that cannot be moved, or that do not `serve`
    /// at that address, are dropped.
    void take_over(CodePage& page, const BlockKey& key, std::uint64_t distance,
                   const std::function<bool(const Block&, Vaddr)>& serves);
    template <class Act>
    void for_each_in(const CodePage& page, Act act) {
        const auto number = static_cast<std::uint32_t>(&page - pages_.data());
        for (std::uint32_t each = page.first; each != Block::none;) {
            Block& block = at(each);
            each = next_in(block, number);
            act(block);
        }
    }
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
    /// Blocks whose last instruction ends in this frame, and begins in another one.
    std::vector<Dropped> straddling_into(Mfn frame);
    bool has_code(Mfn frame) const { return first_page_of(frame) != Block::none; }
    /// Frames that have blocks.
    std::vector<Mfn> frames() const;
    void clear();

    std::size_t size() const { return size_; }

private:
    void set_regions(const Block& block, const WindowSite& site);
    void unlink(LinkNumber from);
    void forget_link(const Block& from, LinkNumber link);
    void remove(Block& block);
    std::uint32_t first_page_of(Mfn frame) const {
        return frame.raw < by_frame_.size() ? by_frame_[frame.raw] : Block::none;
    }
    std::uint32_t find_page(const CodePage& like) const;
    void enter_page(Block& block, unsigned which, const CodePage& like);
    void leave_page(const Block& block, unsigned which);
    void drop_from(std::uint32_t page, std::uint64_t offset, std::uint64_t length,
                   std::vector<Dropped>& dropped);
    void cut_links_to_others(Block& block);
    /// The block's place in the list of this page's blocks.
    static std::uint32_t& next_in(Block& block, std::uint32_t page) {
        return block.next_in_page[block.page[0] == page ? 0 : 1];
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
    /// The numbers of those that have no blocks can be given again.
    std::vector<CodePage> pages_;
    std::vector<std::uint32_t> free_pages_;
    BlockIndex by_page_;
    /// The first code page of each frame.
    std::vector<std::uint32_t> by_frame_;
    /// Host address of each block's start, ascending: the cache only grows until it is emptied.
    std::vector<std::pair<std::uint64_t, std::uint32_t>> by_host_;
};

}  // namespace ring3
