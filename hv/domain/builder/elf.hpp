// SPDX-License-Identifier: MIT
// The view of an ELF64 x86-64 file that the builder needs. Every offset is checked when the file is
// opened, so that what this hands out lies inside the file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace ring3 {

/// A PT_LOAD segment, by its physical address: a kernel's percpu segment has virtual address 0.
struct ElfSegment {
    std::uint64_t paddr = 0;
    std::uint64_t memory_size = 0;
    /// What the file gives; the rest up to memory_size is zero.
    std::span<const std::byte> bytes;

    std::uint64_t end() const { return paddr + memory_size; }
};

struct Elf {
    std::uint64_t entry = 0;
    /// Sorted by address, without overlap; at least one; none wraps around.
    std::vector<ElfSegment> segments;
    /// The contents of PT_NOTE segments, and those of SHT_NOTE sections.
    std::vector<std::span<const std::byte>> note_segments, note_sections;
    /// The section `__xen_guest` of kernels before Xen's notes existed; empty without one.
    std::span<const std::byte> xen_guest_section;
};

/// `file` must outlive the result. Throws ConfigError, which names the file as `what`.
Elf parse_elf(std::span<const std::byte> file, std::string_view what);

/// Whether the file starts as an ELF file of whatever machine.
bool is_elf(std::span<const std::byte> file);

}  // namespace ring3
