// SPDX-License-Identifier: MIT
// Single changes that a guest asks for at a machine address: entries, descriptors, whole pages. The
// frame's type decides what the change is.
#include <array>
#include <cerrno>
#include <cstring>

#include "hv/memory/page_entry.hpp"
#include "hv/memory/page_tables.hpp"
#include "hv/memory/walk.hpp"

namespace ring3 {

namespace {

std::uint64_t load(const Frame& frame, std::uint64_t offset) {
    std::uint64_t value;
    std::memcpy(&value, frame.host + offset, sizeof value);
    return value;
}

/// Two present L1 entries that differ in bits at most that name no frame and give no right to
/// store.
bool refers_alike(std::uint64_t a, std::uint64_t b) {
    using namespace entry_bits;
    constexpr std::uint64_t available = std::uint64_t{7} << 9 | std::uint64_t{0x7ff} << 52;
    constexpr std::uint64_t free = no_execute | available | global | dirty | accessed | user;
    return is_present(a) && is_present(b) && ((a ^ b) & ~free) == 0;
}

}  // namespace

int PageTables::update(DomainId domain, Maddr entry, std::uint64_t value, EntryUpdate how) {
    const Mfn mfn = mfn_of(entry);
    const std::uint64_t offset = page_offset(entry);
    Frame* const frame = owned(domain, mfn);
    if (frame == nullptr || offset % sizeof value != 0) return -EINVAL;

    if (table_level(frame->type) != 0) {
        const auto index = static_cast<unsigned>(offset / sizeof value);
        if (how == EntryUpdate::preserve_accessed_dirty) {
            value |= load(*frame, offset) & (entry_bits::accessed | entry_bits::dirty);
        }
        // As in Xen, references are not asked for anew where they would be the same: a guest may
        // change these bits of an entry that names a granted frame.
        if (frame->type == PageType::l1 && refers_alike(load(*frame, offset), value)) {
            write_entry(*frame, index, adjusted(value, 1));
            return 0;
        }
        return update_entry(*frame, index, value);
    }
    if (frame->type == PageType::segment_descriptors) return -EINVAL;
    frames_.write(mfn, offset, std::as_bytes(std::span{&value, 1}));
    return 0;
}

int PageTables::update_va(DomainId domain, Mfn root, Vaddr va, std::uint64_t value) {
    if (!is_canonical(va)) return -EINVAL;
    const std::optional<Maddr> entry = find_l1_entry(frames_, root, va, domain);
    return entry ? update(domain, *entry, value, EntryUpdate::normal) : -EINVAL;
}

int PageTables::store(DomainId domain, Maddr address, std::uint64_t value, unsigned size) {
    Frame* const frame = owned(domain, mfn_of(address));
    if (frame == nullptr || frame->type != PageType::l1) return -EINVAL;
    const std::uint64_t offset = page_offset(address);
    const std::uint64_t in_entry = offset % sizeof value;
    if (size == 0 || in_entry + size > sizeof value) return -EINVAL;

    std::uint64_t entry = load(*frame, offset - in_entry);
    std::memcpy(reinterpret_cast<std::byte*>(&entry) + in_entry, &value, size);
    return update_entry(*frame, static_cast<unsigned>(offset / sizeof entry), entry);
}

int PageTables::set_machphys(DomainId domain, Maddr address, Pfn pfn) {
    const Mfn mfn = mfn_of(address);
    if (owned(domain, mfn) == nullptr) return -EINVAL;
    frames_.set_m2p(mfn, pfn);
    return 0;
}

int PageTables::clear_page(DomainId domain, Mfn mfn) {
    static constexpr std::array<std::byte, page_size> zeroes{};
    if (get_writable_page(domain, mfn) != 0) return -EINVAL;
    frames_.write(mfn, 0, zeroes);
    put_writable_page(mfn);
    return 0;
}

int PageTables::copy_page(DomainId domain, Mfn to, Mfn from) {
    if (get_page(domain, from) != 0) return -EINVAL;
    const int result = get_writable_page(domain, to);
    if (result == 0) {
        if (to != from) frames_.write(to, 0, std::span{frames_.at(from).host, page_size});
        put_writable_page(to);
    }
    put_page(from);
    return result;
}

}  // namespace ring3
