// SPDX-License-Identifier: MIT
// A kernel file, unpacked and understood: where its parts go in the guest's virtual address space,
// and what it asks of the builder.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "hv/base/units.hpp"
#include "hv/domain/builder/xen_notes.hpp"

namespace ring3 {

/// A piece of the kernel in virtual memory.
struct KernelSegment {
    Vaddr start;
    std::uint64_t memory_size = 0;
    /// Into KernelImage::elf; shorter than memory_size where the rest is zero.
    std::span<const std::byte> bytes;
};

/// Page pfn of the domain is at virt_base + pfn * 4096 in the initial mapping.
/// Invariants: virt_base is page-aligned and <= start < end; each segment lies in [start, end), and
/// so do entry and, if there is one, the whole hypercall page.
struct KernelImage {
    KernelImage() = default;
    // Segments point into elf: the bytes move along with it, a copy would not take them.
    KernelImage(KernelImage&&) = default;
    KernelImage& operator=(KernelImage&&) = default;

    std::string name;
    std::vector<std::byte> elf;
    std::vector<KernelSegment> segments;
    XenNotes notes;
    Vaddr virt_base, entry, start, end;
};

/// Reads a bzImage, an ELF64 file, or such a file packed as a whole. `name` is for messages; what
/// unpacks to more than `memory` bytes, the guest's whole memory, is refused. Throws ConfigError.
KernelImage load_kernel(std::span<const std::byte> file, std::string name, std::size_t memory);

}  // namespace ring3
