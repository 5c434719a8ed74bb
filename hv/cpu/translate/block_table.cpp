// SPDX-License-Identifier: MIT
#include "hv/cpu/translate/block_table.hpp"

#include <algorithm>

#include "hv/base/check.hpp"

namespace ring3 {

namespace {

BlockKey place_of(BlockKey key) {
    key.rip = {page_offset(key.rip)};
    return key;
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
    std::uint32_t& recent = recent_[BlockKeyHash{}(key) % recent_slots];
    if (recent < blocks_.size()) {
        Block* const block = blocks_[recent].get();
        if (block != nullptr && block->key == key) return block;
    }
    const auto found = by_key_.find(key);
    if (found == by_key_.end()) return nullptr;
    recent = found->second;
    return blocks_[recent].get();
}

const Block* BlockTable::find_twin(const BlockKey& key) const {
    const auto found = by_place_.find(place_of(key));
    return found == by_place_.end() ? nullptr : blocks_[found->second].get();
}

Block* BlockTable::holding(std::uint64_t host_address) {
    const auto behind = std::upper_bound(
        by_host_.begin(), by_host_.end(), host_address,
        [](std::uint64_t address, const auto& entry) { return address < entry.first; });
    if (behind == by_host_.begin()) return nullptr;
    Block* block = blocks_[(behind - 1)->second].get();
    return block != nullptr && host_address < block->host_base + block->host_size ? block : nullptr;
}

std::uint32_t BlockTable::next_number() const { return static_cast<std::uint32_t>(blocks_.size()); }

Block& BlockTable::add(const BlockKey& key, Translation&& translation) {
    const std::uint32_t number = next_number();
    auto block = std::make_unique<Block>();
    block->key = key;
    block->number = number;
    block->host_base = cache_.next();
    block->host_size = static_cast<std::uint32_t>(translation.host_code.size());
    block->direct_entry = block->host_base + translation.direct_entry;
    block->checked_entry = block->host_base + translation.checked_entry;
    block->lookup_entry = block->host_base + translation.lookup_entry;
    block->first_byte = translation.first_byte;
    block->last_byte = translation.last_byte;
    block->live_behind = translation.live_behind;
    block->emulated = std::move(translation.emulated);
    block->relocations = std::move(translation.relocations);
    block->is_movable = translation.is_movable;
    block->sites = std::move(translation.sites);
    block->links = std::move(translation.links);
    block->linked_to.assign(block->links.size(), Block::nowhere);
    cache_.append(translation.host_code);
    by_host_.emplace_back(block->host_base, number);
    by_frame_[key.frame.raw].push_back(number);
    if (block->straddles()) by_frame_[key.second_frame.raw].push_back(number);
    by_key_[key] = number;
    if (block->is_movable) by_place_.try_emplace(place_of(key), number);
    blocks_.push_back(std::move(block));
    return *blocks_.back();
}

void BlockTable::link(LinkNumber number, Block& to) {
    Block& from = at(number.block());
    std::uint32_t& linked_to = from.linked_to[number.number()];
    HV_CHECK(linked_to == Block::nowhere, "a link that left to C++ was not linked");
    linked_to = to.number;
    to.linked_from.push_back(number);
    // A straddling block's second page may be mapped elsewhere by now: enter it by the jump cache.
    cache_.patch_branch(from.host_base + from.links[number.number()].host_offset,
                        to.straddles() ? to.lookup_entry : to.direct_entry);
}

void BlockTable::unlink(LinkNumber number) {
    Block& from = at(number.block());
    from.linked_to[number.number()] = Block::nowhere;
    const std::uint64_t rel32 = from.host_base + from.links[number.number()].host_offset;
    cache_.patch_branch(rel32, rel32 + 4);
}

void BlockTable::remove(std::uint32_t number) {
    Block& block = at(number);
    for (const LinkNumber from : block.linked_from) {
        if (blocks_[from.block()] != nullptr) unlink(from);
    }
    for (std::size_t k = 0; k < block.linked_to.size(); ++k) {
        if (block.linked_to[k] == Block::nowhere) continue;
        Block* to = blocks_[block.linked_to[k]].get();
        if (to == nullptr) continue;
        const auto link = LinkNumber::make(number, static_cast<std::uint32_t>(k));
        std::erase_if(to->linked_from, [link](LinkNumber from) { return from.raw == link.raw; });
    }
    by_key_.erase(block.key);
    const auto place = by_place_.find(place_of(block.key));
    if (place != by_place_.end() && place->second == number) by_place_.erase(place);
    for (const Mfn frame : {block.key.frame, block.key.second_frame}) {
        const auto found = by_frame_.find(frame.raw);
        if (found != by_frame_.end()) std::erase(found->second, number);
    }
    blocks_[number].reset();
}

std::vector<BlockTable::Dropped> BlockTable::drop(Mfn frame, std::uint64_t offset,
                                                  std::uint64_t length) {
    std::vector<Dropped> dropped;
    const auto found = by_frame_.find(frame.raw);
    if (found == by_frame_.end()) return dropped;
    const std::vector<std::uint32_t> numbers = found->second;
    for (const std::uint32_t number : numbers) {
        const Block& block = at(number);
        // The second page of a straddling block holds at most its last 14 bytes.
        const bool second = block.straddles() && block.key.second_frame == frame;
        const std::uint64_t first = second ? 0 : block.first_byte;
        const std::uint64_t last = second ? 16 : block.last_byte;
        if (offset >= last || first >= offset + length) continue;
        dropped.push_back({block.key.rip, block.key.kernel_mode, block.checked_entry});
        remove(number);
    }
    const auto left = by_frame_.find(frame.raw);
    if (left != by_frame_.end() && left->second.empty()) by_frame_.erase(left);
    return dropped;
}

std::vector<Mfn> BlockTable::frames() const {
    std::vector<Mfn> all;
    for (const auto& [frame, numbers] : by_frame_) all.push_back({frame});
    std::sort(all.begin(), all.end());
    return all;
}

void BlockTable::clear() {
    blocks_.clear();
    by_key_.clear();
    by_place_.clear();
    by_frame_.clear();
    by_host_.clear();
}

}  // namespace ring3
