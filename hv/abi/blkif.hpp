// SPDX-License-Identifier: MIT
// The block device's shared ring (Xen's public io/blkif.h, io/ring.h), as 64-bit guests lay it out.
#pragma once

#include <cstddef>
#include <cstdint>

#include "hv/abi/grant_table.hpp"
#include "hv/abi/xen.hpp"

extern "C" {
#include <xen/io/blkif.h>
#include <xen/io/protocols.h>
}

namespace ring3::abi {

/// All sector numbers of the protocol count these, whatever the disk is made of.
constexpr std::uint64_t sector_size = 512;

constexpr std::size_t blkif_ring_header = offsetof(blkif_sring, ring);
constexpr std::size_t blkif_ring_entry = sizeof(blkif_sring_entry);
constexpr std::uint32_t segments_per_indirect_page =
    static_cast<std::uint32_t>(4096 / sizeof(blkif_request_segment));

static_assert(offsetof(blkif_sring, req_prod) == 0 && offsetof(blkif_sring, req_event) == 4);
static_assert(offsetof(blkif_sring, rsp_prod) == 8 && offsetof(blkif_sring, rsp_event) == 12);
static_assert(blkif_ring_header == 64 && blkif_ring_entry == 112);
static_assert(sizeof(blkif_request_segment) == 8 && segments_per_indirect_page == 512);
static_assert(sizeof(blkif_request) == 112 && offsetof(blkif_request, id) == 8);
static_assert(offsetof(blkif_request, sector_number) == 16 && offsetof(blkif_request, seg) == 24);
static_assert(offsetof(blkif_request_discard, id) == 8);
static_assert(offsetof(blkif_request_discard, nr_sectors) == 24);
// As Linux has it for 64 bits, there with explicit padding.
static_assert(offsetof(blkif_request_indirect, nr_segments) == 2);
static_assert(offsetof(blkif_request_indirect, id) == 8);
static_assert(offsetof(blkif_request_indirect, handle) == 24);
static_assert(offsetof(blkif_request_indirect, indirect_grefs) == 28);
static_assert(sizeof(blkif_response) == 16 && offsetof(blkif_response, status) == 10);

}  // namespace ring3::abi
