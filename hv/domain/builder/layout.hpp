// SPDX-License-Identifier: MIT
// Where everything goes in the memory of a domain that is to be built: the layout that Xen's own
// builder gives to a 64-bit PV guest, which kernels have come to know.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "hv/base/units.hpp"
#include "hv/domain/builder/initial_tables.hpp"
#include "hv/domain/builder/kernel_image.hpp"

namespace ring3 {

/// A run of pages. Empty regions have no meaning beyond that.
struct Region {
    Pfn first{};
    Frames count{};

    Pfn end() const { return first + count.raw; }
};

/// In the order of their pfns, except where a kernel's notes say otherwise:
/// kernel, [initrd], [p2m], start_info, store ring, console ring, page tables, boot stack, free
/// pages up to mapped_end; behind it, unmapped: [initrd], [p2m with page tables of its own].
struct Layout {
    Frames memory;
    /// Page pfn is mapped at virt_base + pfn * 4096, for all of [virt_base, mapped_end).
    Vaddr virt_base, mapped_end;
    Region kernel, initrd, p2m, start_info, store, console, tables, stack;
    /// Tables that map the p2m list at a place of its own; they follow it.
    Region p2m_tables;
    /// Where the p2m list begins: in the initial mapping, or where the kernel's INIT_P2M wants it.
    Vaddr p2m_address;
    bool initrd_is_mapped = false;
    bool p2m_has_own_mapping = false;
    InitialTables page_tables;

    Vaddr address(Pfn pfn) const { return virt_base + pfn.raw * page_size; }
};

/// Throws ConfigError, with the numbers, when the memory is too small for what must be in it, or
/// when the kernel wants to lie where it cannot.
Layout plan_layout(const KernelImage& kernel, std::uint64_t initrd_bytes, Frames memory);

/// The layout as a table for people, one line per region.
std::string describe(const Layout& layout);

}  // namespace ring3
