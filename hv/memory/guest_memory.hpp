// SPDX-License-Identifier: MIT
// A guest's memory as hypercalls and the engine's slow paths see it: by virtual address, through
// the same walk as the guest's own accesses, never trusting a pointer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <type_traits>

#include "hv/base/units.hpp"
#include "hv/memory/walk.hpp"

namespace ring3 {

/// Where a virtual-address access failed: for a page fault's frame.
struct AccessFault {
    Vaddr address;
    std::uint32_t error_code;
};

/// One address space of one domain.
struct AddressSpace {
    FrameTable* frames = nullptr;
    Mfn root{};
    DomainId domain{};
    bool table_write_assist = false;
};

/// Xen's own part of an address space: a guest's instructions may read the machine-to-phys table in
/// it, pointers in hypercall arguments may not lead there (-EFAULT).
enum class XenHole : std::uint8_t { refused, readable };

/// Copies between host buffers and guest virtual memory; may cross pages, not the end of the
/// address space. Sets A and D bits as the guest's own access would. All or nothing for writes:
/// every page is checked before the first byte is stored. A write to a page table is refused as a
/// fault.
std::optional<AccessFault> read_guest(const AddressSpace& space, Vaddr from,
                                      std::span<std::byte> into,
                                      XenHole xen_hole = XenHole::refused);
std::optional<AccessFault> write_guest(const AddressSpace& space, Vaddr to,
                                       std::span<const std::byte> from);

template <class T>
requires std::is_trivially_copyable_v<T> std::optional<AccessFault> read_guest(
    const AddressSpace& space, Vaddr from, T& into) {
    return read_guest(space, from, std::as_writable_bytes(std::span{&into, 1}));
}
template <class T>
requires std::is_trivially_copyable_v<T> std::optional<AccessFault> write_guest(
    const AddressSpace& space, Vaddr to, const T& from) {
    return write_guest(space, to, std::as_bytes(std::span{&from, 1}));
}

}  // namespace ring3
