// SPDX-License-Identifier: MIT
#include "hv/cpu/translate/relocation.hpp"

#include <algorithm>
#include <cstddef>
#include <cstring>

#include "hv/base/check.hpp"
#include "hv/cpu/translate/block_table.hpp"
#include "hv/cpu/translate/context.hpp"
#include "hv/cpu/translate/windows.hpp"

namespace ring3 {
namespace {

template <class Word, class Change>
void change_word(std::uint8_t* at, Change change) {
    Word word;
    std::memcpy(&word, at, sizeof word);
    word = static_cast<Word>(change(word));
    std::memcpy(at, &word, sizeof word);
}

/// A displacement of an element of 8 bytes in an array of the Context: `delta` elements further
/// on, modulo `elements`.
std::uint32_t move_element(std::uint32_t displacement, std::uint64_t delta,
                           std::uint64_t elements) {
    const std::uint64_t index = displacement / 8;
    return static_cast<std::uint32_t>(displacement +
                                      8 * (((index + delta) & (elements - 1)) - index));
}

}  // namespace

BlockImage image_of(const Block& block) {
    const auto offset = [&](std::uint64_t entry) {
        return static_cast<std::uint32_t>(entry - block.host_base);
    };
    BlockImage image;
    image.rip = block.key.rip;
    image.host_base = block.host_base;
    image.direct_entry = offset(block.direct_entry);
    image.checked_entry = offset(block.checked_entry);
    image.lookup_entry = offset(block.lookup_entry);
    image.first_byte = block.first_byte;
    image.last_byte = block.last_byte;
    image.live_behind = block.live_behind;
    image.is_movable = block.is_movable;
    image.emulated = block.emulated;
    image.host_code = {reinterpret_cast<const std::uint8_t*>(block.host_base), block.host_size};
    image.sites = block.sites;
    image.links = block.links;
    image.relocations = block.relocations;
    image.window_sites = block.window_sites;
    image.distance = block.distance;
    return image;
}

BlockImage image_of(const Translation& translation, const TranslationRequest& request) {
    BlockImage image;
    image.rip = request.rip;
    image.host_base = request.host_base;
    image.direct_entry = translation.direct_entry;
    image.checked_entry = translation.checked_entry;
    image.lookup_entry = translation.lookup_entry;
    image.first_byte = translation.first_byte;
    image.last_byte = translation.last_byte;
    image.live_behind = translation.live_behind;
    image.is_movable = translation.is_movable;
    image.emulated = translation.emulated ? &*translation.emulated : nullptr;
    image.host_code = translation.host_code;
    image.sites = translation.sites;
    image.links = translation.links;
    image.relocations = translation.relocations;
    image.window_sites = translation.window_sites;
    image.distance = request.windows != nullptr ? request.windows->distance() : 0;
    return image;
}

bool has_windowless(std::span<const InsnSite> sites, const TranslationRequest& request) {
    if (request.windows == nullptr || request.windowless->empty()) return false;
    return std::ranges::any_of(sites, [&](const InsnSite& site) {
        return request.windowless->contains((page_of(request.rip) + site.guest_offset).raw);
    });
}

bool serves(const BlockImage& image, const TranslationRequest& request) {
    if (!serves_at(image, request.rip)) return false;
    if ((image.distance != 0) != (request.windows != nullptr)) return false;
    if (request.windows == nullptr) return true;
    if (has_windowless(image.sites, request)) return false;
    // What it takes for regions that have a window must have one.
    const std::uint64_t delta = request.rip - image.rip;
    return std::ranges::all_of(image.relocations, [&](const Relocation& each) {
        using Kind = Relocation::Kind;
        if (each.kind != Kind::window_near && each.kind != Kind::window_fixed) return true;
        std::uint64_t word = 0;
        std::memcpy(&word, image.host_code.data() + each.offset, sizeof word);
        const std::uint64_t moved = each.kind == Kind::window_near ? delta : 0;
        return request.windows->open(Vaddr{word - image.distance + moved});
    });
}

void move_addresses(std::uint8_t* code, std::span<const Relocation> relocations,
                    std::uint64_t delta, std::uint64_t window_delta) {
    for (const Relocation& each : relocations) {
        std::uint8_t* const at = code + each.offset;
        using Kind = Relocation::Kind;
        switch (each.kind) {
            case Kind::address:
                change_word<std::uint64_t>(at, [&](std::uint64_t w) { return w + delta; });
                break;
            case Kind::negated_address:
                change_word<std::uint64_t>(at, [&](std::uint64_t w) { return w - delta; });
                break;
            case Kind::tlb_entry:
                change_word<std::uint32_t>(at, [&](std::uint32_t w) {
                    return each.array +
                           move_element(w - each.array, delta >> page_shift, Tlb::entries);
                });
                break;
            case Kind::jump_entry:
                change_word<std::uint32_t>(at, [&](std::uint32_t w) {
                    return each.array + move_element(w - each.array, delta, Context::jump_entries);
                });
                break;
            case Kind::window_near:
                change_word<std::uint64_t>(
                    at, [&](std::uint64_t w) { return w + delta + window_delta; });
                break;
            case Kind::window_fixed:
                change_word<std::uint64_t>(at, [&](std::uint64_t w) { return w + window_delta; });
                break;
            case Kind::link:
            case Kind::stub:
                break;
        }
    }
}

void relocate(std::span<std::uint8_t> code, const BlockImage& image, const BlockPlace& place) {
    HV_CHECK(serves_at(image, place.rip), "a block that cannot be moved");
    move_addresses(code.data(), image.relocations, place.rip - image.rip,
                   place.distance - image.distance);
    const std::uint64_t host_delta = place.host_base - image.host_base;
    for (const Relocation& each : image.relocations) {
        std::uint8_t* const at = code.data() + each.offset;
        if (each.kind == Relocation::Kind::link)
            change_word<std::uint32_t>(at, [&](std::uint32_t w) {
                return LinkNumber::make(place.number, LinkNumber{w}.number()).raw;
            });
        if (each.kind == Relocation::Kind::stub)
            change_word<std::uint32_t>(at, [&](std::uint32_t w) { return w - host_delta; });
    }
    // Not linked yet.
    for (const LinkSite& link : image.links) {
        const std::int32_t distance = link.unlinked_distance();
        std::memcpy(code.data() + link.host_offset, &distance, sizeof distance);
    }
}

}  // namespace ring3
