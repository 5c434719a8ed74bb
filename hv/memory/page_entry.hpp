// SPDX-License-Identifier: MIT
// One entry of a page table: its bits (SDM vol. 3, 4.5), those that Xen gives a meaning of its own,
// and what a guest may not set.
//
//    63  62      59 58      52 51                     12 11  9  8   7   6   5   4   3   2   1   0
//   +---+----------+----------+-------------------------+-----+---+---+---+---+---+---+---+---+---+
//   |NX |  avail   |  avail   |           mfn           |avail| G |PS | D | A |PCD|PWT|US |RW | P |
//   +---+----------+----------+-------------------------+-----+---+---+---+---+---+---+---+---+---+
//                                52: guest kernel
#pragma once

#include <cstdint>

#include "hv/base/units.hpp"

namespace ring3 {

namespace entry_bits {
constexpr std::uint64_t present = 1u << 0, writable = 1u << 1, user = 1u << 2,
                        write_through = 1u << 3, cache_disable = 1u << 4, accessed = 1u << 5,
                        dirty = 1u << 6, page_size_or_pat = 1u << 7, global = 1u << 8,
                        guest_kernel = std::uint64_t{1} << 52, no_execute = std::uint64_t{1} << 63;
constexpr std::uint64_t frame = 0x000f'ffff'ffff'f000;
}  // namespace entry_bits

constexpr unsigned entries_per_table = 512;
/// What one entry of an L1, L2, ... table translates, as a shift.
constexpr unsigned entry_shift(int level) {
    return page_shift + 9 * static_cast<unsigned>(level - 1);
}
constexpr unsigned entry_index(Vaddr va, int level) {
    return static_cast<unsigned>(va.raw >> entry_shift(level)) & (entries_per_table - 1);
}

/// L4 slots that belong to Xen in every address space.
constexpr unsigned first_xen_slot = 256, last_xen_slot = 271;
constexpr bool is_guest_slot(int level, unsigned index) {
    return level != 4 || index < first_xen_slot || index > last_xen_slot;
}

constexpr Mfn entry_mfn(std::uint64_t entry) { return {(entry & entry_bits::frame) >> page_shift}; }
constexpr bool is_present(std::uint64_t entry) { return (entry & entry_bits::present) != 0; }

/// Bits of a present entry that Xen refuses with -EINVAL: no superpages, no cache attributes for a
/// domain without devices.
constexpr std::uint64_t forbidden_bits(int level) {
    using namespace entry_bits;
    return level == 1 ? write_through | cache_disable | page_size_or_pat
                      : write_through | cache_disable | page_size_or_pat | global;
}

/// What Xen adds to a present entry, and the guest reads back: both guest modes run in ring 3, so
/// US is set everywhere, `guest_kernel` remembers that the guest left it out, and pages of user
/// mode are global.
constexpr std::uint64_t adjusted(std::uint64_t entry, int level) {
    using namespace entry_bits;
    if (!is_present(entry)) return entry;
    if (level > 1) return entry | user;
    if ((entry & user) == 0) entry |= guest_kernel | user;
    if ((entry & guest_kernel) == 0) entry |= global;
    return entry;
}

/// Whether a translation made from `before` may say more than `after` allows: then it must go.
/// Rights, A and D that are added do no harm: what was derived without them asks again.
constexpr bool takes_away(std::uint64_t before, std::uint64_t after) {
    using namespace entry_bits;
    constexpr std::uint64_t granting = present | writable | accessed | dirty;
    if (!is_present(before)) return false;
    return (before & granting & ~after) != 0 || (after & no_execute & ~before) != 0 ||
           ((before ^ after) & frame) != 0;
}

}  // namespace ring3
