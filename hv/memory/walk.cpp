// SPDX-License-Identifier: MIT
// The page walk, on every TLB miss. It trusts no entry: each frame on the way must have the type
// that its level needs and the owner that asks, so a slip in the accounting of page types stays a
// page fault. Integer code, so that it can run where vector registers belong to a
// guest.
#include "hv/memory/walk.hpp"

#include "hv/memory/page_entry.hpp"

namespace ring3 {

namespace {

using namespace entry_bits;

constexpr int levels = 4;

/// The way from a root to an L1 entry; index 0 is L1.
struct Path {
    Frame* table[levels];
    std::uint64_t* entry[levels];
    /// All entries ANDed (RW), and all ORed (NX).
    std::uint64_t all;
    std::uint64_t any;
};

WalkResult fault(Access access, std::uint32_t bits) {
    if (access == Access::write) bits |= fault_bits::write;
    if (access == Access::execute) bits |= fault_bits::fetch;
    return {.error_code = bits};
}

/// The frame, if it serves `domain` as a table of this level; null otherwise.
Frame* table_at(FrameTable& frames, Mfn mfn, int level, DomainId domain) {
    Frame* const frame = frames.find(mfn);
    if (frame == nullptr || frame->type != table_type(level) || frame->owner != domain) {
        return nullptr;
    }
    return frame;
}

enum class Descent : std::uint8_t { done, not_present, bad_table };

/// Goes down to the L1 entry of `va`, whether or not that one is present.
Descent descend(FrameTable& frames, Mfn root, Vaddr va, DomainId domain, Path& path) {
    path.all = ~std::uint64_t{0};
    path.any = 0;
    Frame* table = table_at(frames, root, levels, domain);
    if (table == nullptr) return Descent::not_present;
    for (int level = levels;; --level) {
        // A table's host memory is 512 entries of 8 bytes, aligned to a page.
        auto* const entry = reinterpret_cast<std::uint64_t*>(table->host) + entry_index(va, level);
        path.table[level - 1] = table;
        path.entry[level - 1] = entry;
        if (level == 1) return Descent::done;
        if (!is_present(*entry)) return Descent::not_present;
        if ((*entry & page_size_or_pat) != 0) return Descent::bad_table;
        path.all &= *entry;
        path.any |= *entry;
        table = table_at(frames, entry_mfn(*entry), level - 1, domain);
        if (table == nullptr) return Descent::bad_table;
    }
}

/// Notes that something may be derived from these tables from now on.
void leave_trace(FrameTable& frames, const Path& path, Vaddr va) {
    const std::uint64_t epoch = frames.walk_epoch(path.table[0]->owner);
    for (int level = 1; level <= levels; ++level) {
        Frame& table = *path.table[level - 1];
        // A root translates everything.
        const std::uint64_t place =
            level == levels ? 0 : va.raw >> entry_shift(level + 1) << entry_shift(level + 1);
        if (table.walk_epoch != epoch) {
            table.walk_epoch = epoch;
            table.walked_at = place;
        } else if (table.walked_at != place) {
            table.walked_at = Frame::several_places;
        }
    }
}

/// Sets bits of an entry as the hardware's walk does. Code translated from a page table is absurd,
/// but a guest may do it, and must see it change.
void set_bits(FrameTable& frames, Frame& table, std::uint64_t& entry, std::uint64_t bits) {
    if ((entry & bits) == bits) return;
    entry |= bits;
    if (table.has_code) [[unlikely]] {
        frames.written(table, reinterpret_cast<std::uintptr_t>(&entry) & ~page_mask, sizeof entry);
    }
}

/// Xen's own part of every address space: the machine-to-phys table, read-only, then holes.
WalkResult walk_xen_hole(FrameTable& frames, Vaddr va, Access access) {
    std::byte* const page = frames.m2p_page((va - m2p_start) >> page_shift);
    if (page == nullptr) return fault(access, 0);
    if (access != Access::read) return fault(access, fault_bits::present);
    return {.kind = WalkResult::Kind::mapped, .mfn = invalid_mfn, .host = page};
}

enum class Trace : std::uint8_t { leave, none };

template <Trace trace>
WalkResult translate(FrameTable& frames, Mfn root, Vaddr va, Access access, DomainId domain,
                     bool table_write_assist) {
    if (is_in_xen_hole(va)) [[unlikely]]
        return walk_xen_hole(frames, va, access);

    Path path;
    switch (descend(frames, root, va, domain, path)) {
        case Descent::done:
            break;
        case Descent::not_present:
            return fault(access, 0);
        case Descent::bad_table:
            return fault(access, fault_bits::present | fault_bits::reserved);
    }
    const std::uint64_t leaf = *path.entry[0];
    if (!is_present(leaf)) return fault(access, 0);
    const bool may_write = (path.all & leaf & writable) != 0;
    if (access == Access::execute && ((path.any | leaf) & no_execute) != 0) {
        return fault(access, fault_bits::present);
    }

    const Mfn mfn = entry_mfn(leaf);
    Frame* const frame = frames.find(mfn);
    if (frame == nullptr || !frame->allocated || (may_write && frame->type != PageType::writable))
        [[unlikely]] {
        return fault(access, fault_bits::present | fault_bits::reserved);
    }
    if (frame->owner != domain) [[unlikely]] {
        const auto granted = may_write ? GrantAccess::write : GrantAccess::read;
        if (!frames.granted().is_allowed(mfn, frame->owner, domain, granted)) {
            return fault(access, fault_bits::present | fault_bits::reserved);
        }
    }
    if (access == Access::write && !may_write) {
        if (table_write_assist && (leaf & writable) == 0 && frame->type == PageType::l1 &&
            frame->owner == domain) {
            return {.kind = WalkResult::Kind::table_write, .mfn = mfn, .host = frame->host};
        }
        return fault(access, fault_bits::present);
    }

    if constexpr (trace == Trace::leave) {
        leave_trace(frames, path, va);
        const std::uint64_t leaf_bits = access == Access::write ? accessed | dirty : accessed;
        for (int i = levels - 1; i > 0; --i) {
            set_bits(frames, *path.table[i], *path.entry[i], accessed);
        }
        set_bits(frames, *path.table[0], *path.entry[0], leaf_bits);
    }
    return {.kind = WalkResult::Kind::mapped,
            .writable = may_write && (*path.entry[0] & dirty) != 0,
            .mfn = mfn,
            .host = frame->host};
}

}  // namespace

WalkResult walk(FrameTable& frames, Mfn root, Vaddr va, Access access, DomainId domain,
                bool table_write_assist) {
    return translate<Trace::leave>(frames, root, va, access, domain, table_write_assist);
}

WalkResult probe(FrameTable& frames, Mfn root, Vaddr va, Access access, DomainId domain) {
    return translate<Trace::none>(frames, root, va, access, domain, false);
}

std::optional<Maddr> find_l1_entry(FrameTable& frames, Mfn root, Vaddr va, DomainId domain) {
    Path path;
    if (is_in_xen_hole(va) || descend(frames, root, va, domain, path) != Descent::done) {
        return std::nullopt;
    }
    return maddr_of(frames.mfn_of(*path.table[0]), entry_index(va, 1) * sizeof(std::uint64_t));
}

}  // namespace ring3
