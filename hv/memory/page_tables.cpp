// SPDX-License-Identifier: MIT
// References, types, and the validation of whole tables. A table takes its type before its entries
// are looked at: a table that maps itself, or one that an entry below it maps writable, then fails
// by type. Levels fall by one with each step down, so no recursion is deeper than four.
#include "hv/memory/page_tables.hpp"

#include <cerrno>
#include <limits>

#include "hv/memory/page_entry.hpp"

namespace ring3 {

namespace {

constexpr std::uint32_t max_count = std::numeric_limits<std::uint32_t>::max();

std::uint64_t* entries_of(const Frame& table) {
    // A table's host memory is 512 entries of 8 bytes, aligned to a page.
    return reinterpret_cast<std::uint64_t*>(table.host);
}

}  // namespace

Frame* PageTables::owned(DomainId domain, Mfn mfn) {
    Frame* const frame = frames_.find(mfn);
    return frame != nullptr && frame->allocated && frame->owner == domain ? frame : nullptr;
}

int PageTables::get_page(DomainId domain, Mfn mfn) {
    Frame* const frame = owned(domain, mfn);
    if (frame == nullptr || frame->ref_count == max_count) return -EINVAL;
    ++frame->ref_count;
    return 0;
}

void PageTables::put_page(Frame& frame) {
    HV_CHECK(frame.ref_count > frame.type_count, "a reference is dropped that nobody holds");
    if (--frame.ref_count == 0 && frame.given_up) frames_.release(frames_.mfn_of(frame));
}

void PageTables::put_page(Mfn mfn) { put_page(frames_.at(mfn)); }

bool PageTables::get_type(Frame& frame, PageType type) {
    if (frame.type_count == max_count) return false;
    if (frame.type_count != 0 && frame.type != type) return false;
    frame.type = type;
    ++frame.type_count;
    return true;
}

bool PageTables::put_type(Frame& frame) {
    HV_CHECK(frame.type_count > 0, "a type reference is dropped that nobody holds");
    if (--frame.type_count != 0) return false;
    frame.type = PageType::none;
    return true;
}

int PageTables::get_writable_page(DomainId domain, Mfn mfn) {
    if (get_page(domain, mfn) != 0) return -EINVAL;
    if (get_type(frames_.at(mfn), PageType::writable)) return 0;
    put_page(mfn);
    return -EINVAL;
}

void PageTables::put_writable_page(Mfn mfn) {
    Frame& frame = frames_.at(mfn);
    HV_CHECK(frame.type == PageType::writable, "a writable reference on something else");
    put_type(frame);
    put_page(frame);
}

int PageTables::give_up(DomainId domain, Mfn mfn) {
    Frame* const frame = owned(domain, mfn);
    if (frame == nullptr || frame->given_up) return -EINVAL;
    frame->given_up = true;
    if (frame->ref_count == 0) frames_.release(mfn);
    return 0;
}

int PageTables::get_table(DomainId domain, Mfn mfn, int level) {
    if (get_page(domain, mfn) != 0) return -EINVAL;
    Frame& frame = frames_.at(mfn);
    const bool is_new = frame.type_count == 0;
    int result = get_type(frame, table_type(level)) ? 0 : -EINVAL;
    if (result == 0 && is_new) {
        result = validate(frame);
        if (result != 0) put_type(frame);
    }
    if (result != 0) put_page(frame);
    return result;
}

void PageTables::put_table(Mfn mfn) {
    Frame& frame = frames_.at(mfn);
    HV_CHECK(table_level(frame.type) != 0, "a table reference on something else");
    if (frame.type_count == 1) unvalidate(frame);
    put_type(frame);
    put_page(frame);
}

int PageTables::pin(DomainId domain, Mfn mfn, int level) {
    const int result = get_table(domain, mfn, level);
    if (result != 0) return result;
    Frame& frame = frames_.at(mfn);
    if (frame.pinned) {
        put_table(mfn);
        return -EINVAL;
    }
    frame.pinned = true;
    return 0;
}

int PageTables::unpin(DomainId domain, Mfn mfn) {
    Frame* const frame = owned(domain, mfn);
    if (frame == nullptr || !frame->pinned) return -EINVAL;
    frame->pinned = false;
    put_table(mfn);
    return 0;
}

int PageTables::replace_root(DomainId domain, Mfn& root, Mfn next) {
    if (next == root) return 0;
    const int result = get_table(domain, next, 4);
    if (result != 0) return result;
    if (root != Mfn{}) put_table(root);
    root = next;
    return 0;
}

int PageTables::get_l1_entry(DomainId domain, std::uint64_t entry) {
    if ((entry & forbidden_bits(1)) != 0) return -EINVAL;
    const Mfn mfn = entry_mfn(entry);
    Frame* const frame = frames_.find(mfn);
    if (frame == nullptr) {
        // Xen takes it for device memory, except for its invalid mfn.
        return mfn == entry_mfn(entry_bits::frame) ? -EINVAL : -EPERM;
    }
    if (get_page(domain, mfn) != 0) return -EBUSY;
    if ((entry & entry_bits::writable) != 0 && !get_type(*frame, PageType::writable)) {
        put_page(*frame);
        return -EBUSY;
    }
    return 0;
}

int PageTables::get_entry(DomainId domain, std::uint64_t entry, int level) {
    if (!is_present(entry)) return 0;
    if (level == 1) return get_l1_entry(domain, entry);
    if ((entry & forbidden_bits(level)) != 0) return -EINVAL;
    return get_table(domain, entry_mfn(entry), level - 1);
}

void PageTables::put_entry(DomainId domain, std::uint64_t entry, int level) {
    if (!is_present(entry)) return;
    if (level > 1) {
        put_table(entry_mfn(entry));
    } else {
        const bool is_writable = (entry & entry_bits::writable) != 0;
        put_granted(domain, entry_mfn(entry), is_writable ? GrantAccess::write : GrantAccess::read);
    }
}

int PageTables::validate(Frame& table) {
    const int level = table_level(table.type);
    std::uint64_t* const entries = entries_of(table);
    for (unsigned i = 0; i < entries_per_table; ++i) {
        if (!is_guest_slot(level, i)) {
            // Xen puts its own entries here; ours are known to the walk alone.
            write_entry(table, i, 0);
            continue;
        }
        const int result = get_entry(table.owner, entries[i], level);
        if (result != 0) {
            while (i-- > 0) {
                if (is_guest_slot(level, i)) put_entry(table.owner, entries[i], level);
            }
            return result;
        }
        write_entry(table, i, adjusted(entries[i], level));
    }
    return 0;
}

void PageTables::unvalidate(Frame& table) {
    frames_.table_lost(table);
    const int level = table_level(table.type);
    const std::uint64_t* const entries = entries_of(table);
    for (unsigned i = 0; i < entries_per_table; ++i) {
        if (is_guest_slot(level, i)) put_entry(table.owner, entries[i], level);
    }
}

void PageTables::write_entry(Frame& table, unsigned index, std::uint64_t value) {
    std::uint64_t& entry = entries_of(table)[index];
    if (entry == value) return;
    const std::uint64_t old = entry;
    entry = value;
    frames_.written(table, index * sizeof entry, sizeof entry);
    if (takes_away(old, value)) frames_.entry_changed(table, index);
}

int PageTables::update_entry(Frame& table, unsigned index, std::uint64_t value) {
    const int level = table_level(table.type);
    if (!is_guest_slot(level, index)) return -EINVAL;
    const int result = get_entry(table.owner, value, level);
    if (result != 0) return result;
    const std::uint64_t old = entries_of(table)[index];
    write_entry(table, index, adjusted(value, level));
    put_entry(table.owner, old, level);
    return 0;
}

}  // namespace ring3
