// SPDX-License-Identifier: MIT
// References on frames of other domains, and the L1 entries that hold them. Such an entry comes
// into being by map_granted() alone; what any other change of it gives back is what it held.
#include <cerrno>
#include <cstring>

#include "hv/base/check.hpp"
#include "hv/memory/page_entry.hpp"
#include "hv/memory/page_tables.hpp"

namespace ring3 {

namespace {

constexpr GrantAccess access_of(std::uint64_t entry) {
    return (entry & entry_bits::writable) != 0 ? GrantAccess::write : GrantAccess::read;
}

std::uint64_t entry_at(const Frame& table, Maddr address) {
    std::uint64_t entry;
    std::memcpy(&entry, table.host + page_offset(address), sizeof entry);
    return entry;
}

constexpr unsigned index_in_table(Maddr address) {
    return static_cast<unsigned>(page_offset(address) / sizeof(std::uint64_t));
}

}  // namespace

Frame* PageTables::l1_table_at(DomainId domain, Maddr entry) {
    if (entry.raw % sizeof(std::uint64_t) != 0) return nullptr;
    Frame* const table = owned(domain, mfn_of(entry));
    return table != nullptr && table->type == PageType::l1 ? table : nullptr;
}

int PageTables::get_granted(DomainId user, DomainId owner, Mfn mfn, GrantAccess access) {
    const int result =
        access == GrantAccess::write ? get_writable_page(owner, mfn) : get_page(owner, mfn);
    if (result == 0 && user != owner) frames_.granted().hold(mfn, owner, user, access);
    return result;
}

void PageTables::put_granted(DomainId user, Mfn mfn, GrantAccess access) {
    const DomainId owner = frames_.at(mfn).owner;
    if (owner != user) frames_.granted().drop(mfn, owner, user, access);
    if (access == GrantAccess::write) {
        put_writable_page(mfn);
    } else {
        put_page(mfn);
    }
}

int PageTables::map_granted(DomainId domain, Maddr address, std::uint64_t entry, DomainId owner) {
    if (get_granted(domain, owner, entry_mfn(entry), access_of(entry)) != 0) return -EBUSY;
    Frame* const table = l1_table_at(domain, address);
    if (table == nullptr) {
        put_granted(domain, entry_mfn(entry), access_of(entry));
        return -EINVAL;
    }
    const std::uint64_t old = entry_at(*table, address);
    write_entry(*table, index_in_table(address), adjusted(entry, 1));
    put_entry(domain, old, 1);
    return 0;
}

int PageTables::unmap_granted(DomainId domain, Maddr address, Mfn mfn, GrantAccess access,
                              std::uint64_t replacement) {
    Frame* const table = l1_table_at(domain, address);
    if (table == nullptr) return -EINVAL;
    const std::uint64_t old = entry_at(*table, address);
    if (!is_present(old) || entry_mfn(old) != mfn || access_of(old) != access) return -EINVAL;
    write_entry(*table, index_in_table(address), replacement);
    put_entry(domain, old, 1);
    return 0;
}

int PageTables::take_entry(DomainId domain, Maddr address, std::uint64_t& entry) {
    Frame* const table = l1_table_at(domain, address);
    if (table == nullptr) return -EINVAL;
    entry = entry_at(*table, address);
    write_entry(*table, index_in_table(address), 0);
    return 0;
}

void PageTables::drop_entry(DomainId domain, std::uint64_t entry) { put_entry(domain, entry, 1); }

void PageTables::release_all(DomainId domain) {
    // Everything of the domain's own goes at once, whatever references it holds on itself; what its
    // tables hold of others is given back one by one.
    if (frames_.granted().holds_any(domain)) {
        frames_.all_pages_changed(domain);
        for (Mfn mfn = FrameTable::first_mfn; mfn < frames_.end_mfn(); ++mfn) {
            Frame* const table = owned(domain, mfn);
            if (table == nullptr || table->type != PageType::l1) continue;
            for (std::uint64_t offset = 0; offset < page_size; offset += sizeof(std::uint64_t)) {
                const std::uint64_t entry = entry_at(*table, maddr_of(mfn, offset));
                if (!is_present(entry) || owned(domain, entry_mfn(entry)) != nullptr) continue;
                write_entry(*table, index_in_table(maddr_of(mfn, offset)), 0);
                put_entry(domain, entry, 1);
            }
        }
        HV_CHECK(!frames_.granted().holds_any(domain),
                 "a domain goes that holds references on frames of others");
    }
    frames_.release_all(domain);
}

}  // namespace ring3
