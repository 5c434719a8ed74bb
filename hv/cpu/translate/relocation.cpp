// SPDX-License-Identifier: MIT
#include "hv/cpu/translate/relocation.hpp"

#include <cstddef>
#include <cstring>

#include "hv/base/check.hpp"
#include "hv/cpu/translate/context.hpp"

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

Translation move_block(const Block& twin, const TranslationRequest& request) {
    HV_CHECK(twin.is_movable && is_movable_address(request.rip), "a block that cannot be moved");
    const std::uint64_t delta = request.rip - twin.key.rip;
    const std::uint64_t host_delta = request.host_base - twin.host_base;
    const auto* const code = reinterpret_cast<const std::uint8_t*>(twin.host_base);
    Translation out;
    out.host_code.assign(code, code + twin.host_size);
    for (const Relocation& each : twin.relocations) {
        std::uint8_t* const at = out.host_code.data() + each.offset;
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
            case Kind::link:
                change_word<std::uint32_t>(at, [&](std::uint32_t w) {
                    return LinkNumber::make(request.block, LinkNumber{w}.number()).raw;
                });
                break;
            case Kind::stub:
                change_word<std::uint32_t>(at, [&](std::uint32_t w) { return w - host_delta; });
                break;
        }
    }
    for (const Block::Link& link : twin.links) {
        LinkSite site = link.site;
        site.target = site.target + delta;
        // Not linked yet.
        std::memset(out.host_code.data() + site.host_offset, 0, 4);
        out.links.push_back(site);
    }
    const auto offset = [&](std::uint64_t entry) {
        return static_cast<std::uint32_t>(entry - twin.host_base);
    };
    out.direct_entry = offset(twin.direct_entry);
    out.checked_entry = offset(twin.checked_entry);
    out.lookup_entry = offset(twin.lookup_entry);
    out.sites = twin.sites;
    out.live_behind = twin.live_behind;
    if (twin.emulated) out.emulated = std::make_unique<const Insn>(*twin.emulated);
    out.first_byte = twin.first_byte;
    out.last_byte = twin.last_byte;
    out.relocations = twin.relocations;
    out.is_movable = true;
    return out;
}

}  // namespace ring3
