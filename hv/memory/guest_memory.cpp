// SPDX-License-Identifier: MIT
// Guest virtual memory, page by page through the walk.
#include "hv/memory/guest_memory.hpp"

#include <algorithm>
#include <cstring>

namespace ring3 {

namespace {

/// Calls `on_piece(page, va, done, length)` for each part of [va, va + size) within one page; stops
/// at the first that does not translate.
template <class OnPiece>
std::optional<AccessFault> for_each_page(const AddressSpace& space, Vaddr va, std::uint64_t size,
                                         Access access, XenHole xen_hole, OnPiece on_piece) {
    for (std::uint64_t done = 0; done < size;) {
        const Vaddr at = va + done;
        const std::uint64_t length = std::min(size - done, page_size - page_offset(at));
        const std::uint32_t write = access == Access::write ? fault_bits::write : 0;
        if (!is_canonical(at) || at < va || (is_in_xen_hole(at) && xen_hole == XenHole::refused)) {
            return AccessFault{at, write};
        }
        const WalkResult page =
            walk(*space.frames, space.root, at, access, space.domain, space.table_write_assist);
        if (page.kind == WalkResult::Kind::table_write) {
            return AccessFault{at, fault_bits::present | write};
        }
        if (page.kind != WalkResult::Kind::mapped) return AccessFault{at, page.error_code};
        on_piece(page, at, done, length);
        done += length;
    }
    return std::nullopt;
}

}  // namespace

std::optional<AccessFault> read_guest(const AddressSpace& space, Vaddr from,
                                      std::span<std::byte> into, XenHole xen_hole) {
    return for_each_page(
        space, from, into.size(), Access::read, xen_hole,
        [&](const WalkResult& page, Vaddr at, std::uint64_t done, std::uint64_t length) {
            std::memcpy(into.data() + done, page.host + page_offset(at), length);
        });
}

std::optional<AccessFault> write_guest(const AddressSpace& space, Vaddr to,
                                       std::span<const std::byte> from) {
    const auto check_only = [](const WalkResult&, Vaddr, std::uint64_t, std::uint64_t) {};
    if (const auto fault =
            for_each_page(space, to, from.size(), Access::write, XenHole::refused, check_only)) {
        return fault;
    }
    return for_each_page(
        space, to, from.size(), Access::write, XenHole::refused,
        [&](const WalkResult& page, Vaddr at, std::uint64_t done, std::uint64_t length) {
            space.frames->write(page.mfn, page_offset(at), from.subspan(done, length));
        });
}

}  // namespace ring3
