// SPDX-License-Identifier: MIT
#include "hv/cpu/translate/block_table.hpp"

#include <algorithm>
#include <functional>
#include <memory>

#include "hv/base/check.hpp"

namespace ring3 {

namespace {

std::uint32_t hash_of(std::uint64_t rip, const BlockKey& key) {
    std::uint64_t h = rip * 0x9e37'79b9'7f4a'7c15u;
    h ^= ((key.frame.raw ^ std::uint64_t{key.windows} << 32) << 8 |
          static_cast<std::uint64_t>(key.variant) << 1 |
          static_cast<std::uint64_t>(key.kernel_mode)) *
         0xc2b2'ae3d'27d4'eb4fu;
    h ^= h >> 29;
    return static_cast<std::uint32_t>(h * 0x9e37'79b9'7f4a'7c15u >> 32);
}

std::uint32_t hash_of(const BlockKey& key) { return hash_of(key.rip.raw, key); }
std::uint32_t hash_of(const CodePage& page) {
    return hash_of(BlockKey{.rip = page.address,
                            .frame = page.frame,
                            .kernel_mode = page.kernel_mode,
                            .windows = page.windows});
}
std::uint32_t hash_of_place(BlockKey key) {
    key.windows = key.windows != 0 ? 1 : 0;
    return hash_of(page_offset(key.rip), key);
}

BlockTable::Dropped entry_of(const Block& block) {
    return {block.key.rip, block.key.kernel_mode, block.checked_entry};
}

bool is_same_place(BlockKey a, const BlockKey& b) {
    if (page_offset(a.rip) != page_offset(b.rip)) return false;
    if ((a.windows != 0) != (b.windows != 0)) return false;
    a.rip = b.rip;
    a.windows = b.windows;
    return a == b;
}

}  // namespace

const InsnSite& Block::site_of(std::uint64_t host_address) const {
    const auto offset = static_cast<std::uint32_t>(host_address - host_base);
    const auto behind = std::upper_bound(
        sites.begin(), sites.end(), offset,
        [](std::uint32_t o, const InsnSite& site) { return o < site.host_offset; });
    HV_CHECK(behind != sites.begin(), "an address before the first instruction");
    return *(behind - 1);
}

Block* BlockTable::find(const BlockKey& key) {
    const std::uint32_t number =
        by_key_.find(hash_of(key), [&](std::uint32_t each) { return blocks_[each]->key == key; });
    return number == Block::none ? nullptr : blocks_[number];
}

const Block* BlockTable::find_twin(const BlockKey& key) const {
    const std::uint32_t number = by_place_.find(hash_of_place(key), [&](std::uint32_t each) {
        return is_same_place(blocks_[each]->key, key);
    });
    return number == Block::none ? nullptr : blocks_[number];
}

Block* BlockTable::holding(std::uint64_t host_address) {
    const auto behind = std::upper_bound(
        by_host_.begin(), by_host_.end(), host_address,
        [](std::uint64_t address, const auto& entry) { return address < entry.first; });
    if (behind == by_host_.begin()) return nullptr;
    Block* const block = blocks_[(behind - 1)->second];
    return block != nullptr && host_address < block->host_base + block->host_size ? block : nullptr;
}

std::uint32_t BlockTable::next_number() const { return static_cast<std::uint32_t>(blocks_.size()); }

template <class T>
std::span<T> BlockTable::copy(std::span<const T> from) {
    static_assert(std::is_trivially_copyable_v<T>);
    T* const to = std::pmr::polymorphic_allocator<T>(&arena_).allocate(from.size());
    std::copy(from.begin(), from.end(), to);
    return {to, from.size()};
}

Block& BlockTable::add(const BlockKey& key, const BlockImage& image, std::uint64_t distance) {
    const std::uint32_t number = next_number();
    Block& block = *std::pmr::polymorphic_allocator<>(&arena_).new_object<Block>();
    block.key = key;
    block.number = number;
    block.host_base = cache_.next();
    block.host_size = static_cast<std::uint32_t>(image.host_code.size());
    block.direct_entry = block.host_base + image.direct_entry;
    block.checked_entry = block.host_base + image.checked_entry;
    block.lookup_entry = block.host_base + image.lookup_entry;
    block.first_byte = image.first_byte;
    block.last_byte = image.last_byte;
    block.live_behind = image.live_behind;
    block.is_movable = image.is_movable;
    block.distance = distance;
    if (image.emulated != nullptr) block.emulated = copy(std::span(image.emulated, 1)).data();
    block.sites = copy(image.sites);
    block.links = copy(image.links);
    const std::size_t links = image.links.size();
    block.linked = {std::pmr::polymorphic_allocator<Block::Linked>(&arena_).allocate(links), links};
    std::uninitialized_value_construct(block.linked.begin(), block.linked.end());
    block.relocations = copy(image.relocations);
    block.window_sites = copy(image.window_sites);
    relocate(cache_.append(image.host_code), image, {key.rip, block.host_base, number, distance});
    by_host_.emplace_back(block.host_base, number);
    enter_page(block, 0, {key.frame, page_of(key.rip), key.kernel_mode, key.windows});
    if (block.straddles())
        enter_page(block, 1,
                   {key.second_frame, page_of(key.rip) + page_size, key.kernel_mode, key.windows});
    by_key_.add(hash_of(key), number);
    if (block.is_movable && find_twin(key) == nullptr) by_place_.add(hash_of_place(key), number);
    blocks_.push_back(&block);
    ++size_;
    return block;
}

void BlockTable::add_region(const Block& block, WindowSite& site, std::uint32_t region) {
    HV_CHECK(site.known < std::size(site.region), "a check is for so many regions");
    site.region[site.known++] = region;
    set_regions(block, site);
}

void BlockTable::forget_regions(const Block& block, WindowSite& site) {
    site.known = 0;
    set_regions(block, site);
}

void BlockTable::set_regions(const Block& block, const WindowSite& site) {
    for (unsigned i = 0; i < std::size(site.constant); ++i)
        cache_.set_word(block.host_base + site.constant[i], site.constant_of(i));
}

void BlockTable::link(LinkNumber number, Block& to) {
    Block& from = at(number.block());
    Block::Linked& link = from.linked[number.number()];
    HV_CHECK(link.to == Block::none, "a link that left to C++ was not linked");
    link = {to.number, std::exchange(to.linked_from, number.raw)};
    // A straddling block's second page may be mapped elsewhere by now: enter it by the jump cache.
    cache_.patch_branch(from.host_base + from.links[number.number()].host_offset,
                        to.straddles() ? to.lookup_entry : to.direct_entry);
}

/// Makes the branch lead back to C++.
void BlockTable::unlink(LinkNumber number) {
    Block& from = at(number.block());
    from.linked[number.number()] = {};
    const LinkSite& site = from.links[number.number()];
    cache_.patch_branch(from.host_base + site.host_offset, from.host_base + site.unlinked);
}

void BlockTable::break_link(LinkNumber number) {
    const Block* const from = blocks_[number.block()];
    if (from == nullptr || from->linked[number.number()].to == Block::none) return;
    forget_link(*from, number);
    unlink(number);
}

/// Takes a link from the list of the block that it leads to.
void BlockTable::forget_link(const Block& from, LinkNumber link) {
    const Block::Linked& linked = from.linked[link.number()];
    if (linked.to == Block::none) return;
    std::uint32_t* at = &blocks_[linked.to]->linked_from;
    while (*at != link.raw) {
        const LinkNumber other{*at};
        at = &blocks_[other.block()]->linked[other.number()].next;
    }
    *at = linked.next;
}

std::uint32_t BlockTable::find_page(const CodePage& like) const {
    return by_page_.find(hash_of(like), [&](std::uint32_t each) {
        const CodePage& page = pages_[each];
        return page.frame == like.frame && page.address == like.address &&
               page.windows == like.windows && page.kernel_mode == like.kernel_mode;
    });
}

void BlockTable::enter_page(Block& block, unsigned which, const CodePage& like) {
    std::uint32_t at = find_page(like);
    if (at == Block::none) {
        if (free_pages_.empty()) {
            at = static_cast<std::uint32_t>(pages_.size());
            pages_.push_back(like);
        } else {
            at = free_pages_.back();
            free_pages_.pop_back();
            pages_[at] = like;
        }
        if (like.frame.raw >= by_frame_.size()) by_frame_.resize(like.frame.raw + 1, Block::none);
        pages_[at].next = std::exchange(by_frame_[like.frame.raw], at);
        by_page_.add(hash_of(like), at);
    }
    block.page[which] = at;
    block.next_in_page[which] = std::exchange(pages_[at].first, block.number);
}

void BlockTable::leave_page(const Block& block, unsigned which) {
    const std::uint32_t number = block.page[which];
    CodePage& page = pages_[number];
    std::uint32_t* at = &page.first;
    while (*at != block.number) at = &next_in(*blocks_[*at], number);
    *at = block.next_in_page[which];
    if (page.first != Block::none) return;
    at = &by_frame_[page.frame.raw];
    while (*at != number) at = &pages_[*at].next;
    *at = page.next;
    by_page_.remove(hash_of(page), number);
    free_pages_.push_back(number);
}

void BlockTable::remove(Block& block) {
    // First its own: one may lead to itself.
    for (std::uint32_t k = 0; k < block.linked.size(); ++k)
        forget_link(block, LinkNumber::make(block.number, k));
    while (block.linked_from != Block::none) {
        const LinkNumber from{block.linked_from};
        block.linked_from = blocks_[from.block()]->linked[from.number()].next;
        unlink(from);
    }
    by_key_.remove(hash_of(block.key), block.number);
    if (block.is_movable) by_place_.remove(hash_of_place(block.key), block.number);
    leave_page(block, 0);
    if (block.straddles()) leave_page(block, 1);
    blocks_[block.number] = nullptr;
    --size_;
}

std::vector<BlockTable::Dropped> BlockTable::drop(Mfn frame, std::uint64_t offset,
                                                  std::uint64_t length) {
    std::vector<Dropped> dropped;
    for (std::uint32_t page = first_page_of(frame); page != Block::none;) {
        const std::uint32_t next = pages_[page].next;
        drop_from(page, offset, length, dropped);
        page = next;
    }
    return dropped;
}

void BlockTable::drop_from(std::uint32_t page, std::uint64_t offset, std::uint64_t length,
                           std::vector<Dropped>& dropped) {
    for (std::uint32_t number = pages_[page].first; number != Block::none;) {
        Block& block = at(number);
        number = next_in(block, page);
        // The second page of a straddling block holds at most its last 14 bytes.
        const bool second = block.page[0] != page;
        const std::uint64_t first = second ? 0 : block.first_byte;
        const std::uint64_t last = second ? 16 : block.last_byte;
        if (offset >= last || first >= offset + length) continue;
        dropped.push_back(entry_of(block));
        remove(block);
    }
}

std::vector<BlockTable::Dropped> BlockTable::straddling_into(Mfn frame) {
    std::vector<Dropped> found;
    for (std::uint32_t page = first_page_of(frame); page != Block::none; page = pages_[page].next)
        for_each_in(pages_[page], [&](const Block& block) {
            if (block.page[0] != page) found.push_back(entry_of(block));
        });
    return found;
}

void BlockTable::note_user(const Block& block, std::uint32_t space, const IsLiving& is_living) {
    for (const std::uint32_t number : block.page) {
        if (number == Block::none) continue;
        CodePage& page = pages_[number];
        const auto users = page.user.begin(), end = users + page.users;
        if (page.has_more_users || std::find(users, end, space) != end) continue;
        if (page.users == CodePage::most_users) {
            const auto living = std::remove_if(users, end, std::not_fn(is_living));
            page.users = static_cast<std::uint8_t>(living - users);
        }
        if (page.users == CodePage::most_users)
            page.has_more_users = true;
        else
            page.user[page.users++] = space;
    }
}

CodePage* BlockTable::abandoned_page(const BlockKey& key, const IsLiving& is_living) {
    // A guest can map one frame at 2^35 pages.
    int left = 32;
    const Vaddr address = page_of(key.rip);
    if (find_page({key.frame, address, key.kernel_mode, key.windows}) != Block::none)
        return nullptr;
    for (std::uint32_t at = first_page_of(key.frame); at != Block::none && left > 0;
         at = pages_[at].next, --left) {
        CodePage& page = pages_[at];
        const bool is_like_it =
            page.kernel_mode == key.kernel_mode && (page.windows != 0) == (key.windows != 0);
        const bool can_move = page.address == address ||
                              (is_movable_address(page.address) && is_movable_address(address));
        if (is_like_it && can_move && !page.has_more_users &&
            std::none_of(page.user.begin(), page.user.begin() + page.users, is_living))
            return &page;
    }
    return nullptr;
}

void BlockTable::take_over(CodePage& page, const BlockKey& key, std::uint64_t distance,
                           const std::function<bool(const Block&, Vaddr)>& serves) {
    const Vaddr address = page_of(key.rip);
    const std::uint64_t delta = address - page.address;
    for_each_in(page, [&](Block& block) {
        const bool stays = block.straddles() || (delta != 0 && !block.is_movable);
        if (stays || !serves(block, block.key.rip + delta)) remove(block);
    });
    // The last one takes the page with it.
    if (page.first == Block::none) return;
    const auto number = static_cast<std::uint32_t>(&page - pages_.data());
    by_page_.remove(hash_of(page), number);
    for_each_in(page, [&](Block& block) {
        cut_links_to_others(block);
        by_key_.remove(hash_of(block.key), block.number);
        block.key.rip = block.key.rip + delta;
        block.key.windows = key.windows;
        by_key_.add(hash_of(block.key), block.number);
        move_addresses(cache_.writable(block.host_base), block.relocations, delta,
                       distance - block.distance);
        block.distance = distance;
    });
    page.address = address;
    page.windows = key.windows;
    page.users = 0;
    by_page_.add(hash_of(page), number);
}

/// Of other pages, which stay.
void BlockTable::cut_links_to_others(Block& block) {
    const auto stays = [&](std::uint32_t other) {
        return blocks_[other]->page[0] != block.page[0];
    };
    for (std::uint32_t k = 0; k < block.linked.size(); ++k)
        if (block.linked[k].to != Block::none && stays(block.linked[k].to))
            break_link(LinkNumber::make(block.number, k));
    for (std::uint32_t link = block.linked_from; link != Block::none;) {
        const LinkNumber from{link};
        link = blocks_[from.block()]->linked[from.number()].next;
        if (stays(from.block())) break_link(from);
    }
}

std::vector<Mfn> BlockTable::frames() const {
    std::vector<Mfn> all;
    for (std::uint64_t frame = 0; frame < by_frame_.size(); ++frame)
        if (by_frame_[frame] != Block::none) all.push_back({frame});
    return all;
}

void BlockTable::clear() {
    blocks_.clear();
    size_ = 0;
    by_key_.clear();
    by_place_.clear();
    pages_.clear();
    free_pages_.clear();
    by_page_.clear();
    by_frame_.clear();
    by_host_.clear();
    arena_.release();
}

}  // namespace ring3
