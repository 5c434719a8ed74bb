// SPDX-License-Identifier: MIT
// Pages and page tables of the test guest: the initial mapping is linear, so every page-table page
// has an address, and every page of our own a machine frame that can be looked up.
#pragma once

#include <cstdint>

namespace guest {

constexpr std::uint64_t virt_base = 0xffff'ffff'8000'0000;

namespace entry {
constexpr std::uint64_t present = 1, writable = 2, user = 4, pwt = 8, pcd = 0x10, accessed = 0x20,
                        dirty = 0x40, pse = 0x80, global = 0x100, no_execute = 1ull << 63;
constexpr std::uint64_t read_only = present | user | accessed | dirty;
constexpr std::uint64_t read_write = read_only | writable;
constexpr std::uint64_t frame = 0x000f'ffff'ffff'f000;
}  // namespace entry

/// A zeroed page of the kernel's image, mapped at its linear address. Never given back.
void* take_page();

/// The frame behind a linear address.
std::uint64_t mfn_of(const volatile void* linear);
/// The linear address of a frame of this domain.
void* page_of_mfn(std::uint64_t mfn);
std::uint64_t m2p(std::uint64_t mfn);

/// The entry of the given level that translates `va` under the initial L4 table, or null.
volatile std::uint64_t* entry_of(std::uint64_t va, int level);
/// The machine address of a byte at a linear address.
std::uint64_t machine_address(const volatile void* linear);

/// mmu_update of one entry.
long update_entry(const volatile std::uint64_t* where, std::uint64_t value, unsigned command = 0);
/// update_va_mapping with UVMF_INVLPG.
long map(std::uint64_t va, std::uint64_t value);
inline std::uint64_t entry_for(const volatile void* linear, std::uint64_t flags) {
    return mfn_of(linear) << 12 | flags;
}
/// Maps a page of our own read-only, or read-write again.
long make_read_only(const volatile void* linear);
long make_writable(const volatile void* linear);

/// An otherwise unused page's address whose mapping tests may change. It has an L1 table.
std::uint64_t spare_address();

}  // namespace guest
