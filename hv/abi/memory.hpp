// SPDX-License-Identifier: MIT
// Memory reservations, the memory map and the machine-to-phys table: XENMEM_*.
#pragma once

#include "hv/abi/interface_version.hpp"

extern "C" {
#include <xen/memory.h>
}

static_assert(sizeof(xen_memory_reservation) == 32);
static_assert(offsetof(xen_memory_reservation, domid) == 24);
static_assert(sizeof(xen_memory_map) == 16);
static_assert(sizeof(xen_machphys_mapping) == 24);
static_assert(sizeof(xen_memory_exchange) == 72);

namespace ring3::abi {

/// One entry of a memory map, as INT 15H, E820H gives it: 20 bytes, packed.
struct [[gnu::packed]] E820Entry {
    std::uint64_t address;
    std::uint64_t size;
    std::uint32_t type;
};
static_assert(sizeof(E820Entry) == 20);
constexpr std::uint32_t e820_ram = 1;

/// XENMEM_* in bits 5..0 of memory_op's first argument; above it, where a continuation goes on.
constexpr unsigned memory_op_extent_shift = 6;

/// Shown by the public header to tool stacks alone.
constexpr unsigned memory_claim_pages = 24;

}  // namespace ring3::abi
