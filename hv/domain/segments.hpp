// SPDX-License-Identifier: MIT
// Segment descriptors (SDM vol. 3, 3.4.5) as far as 64-bit code knows them, and a vCPU's GDT.
#pragma once

#include <cstdint>
#include <span>

namespace ring3 {

class Vcpu;

/// Whether ring 3 could load this descriptor: as 64-bit code, as 32-bit code, as a stack, as data.
bool is_64bit_code(std::uint64_t descriptor);
bool is_32bit_code(std::uint64_t descriptor);
bool is_writable_data(std::uint64_t descriptor);
bool is_readable_segment(std::uint64_t descriptor);
std::uint64_t segment_base(std::uint64_t descriptor);

/// The guest's own part of the GDT from now on: typed frames, whose descriptors are checked. The
/// old ones are let go. 0, or -EINVAL and no change.
int set_gdt_frames(Vcpu& vcpu, std::span<const std::uint64_t> mfns, std::uint32_t entries);

}  // namespace ring3
