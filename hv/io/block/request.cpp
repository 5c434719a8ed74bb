// SPDX-License-Identifier: MIT
#include "hv/io/block/request.hpp"

#include <algorithm>
#include <array>
#include <cstring>

namespace ring3 {
namespace {

using abi::sector_size;
using Kind = BlockRequest::Kind;

constexpr std::uint32_t sectors_per_page = static_cast<std::uint32_t>(page_size / sector_size);

std::optional<Kind> kind_of(std::uint8_t operation) {
    switch (operation) {
        case BLKIF_OP_READ:
            return Kind::read;
        case BLKIF_OP_WRITE:
            return Kind::write;
        case BLKIF_OP_WRITE_BARRIER:
            return Kind::barrier;
        case BLKIF_OP_FLUSH_DISKCACHE:
            return Kind::flush;
        default:
            return std::nullopt;
    }
}

template <class Request>
Request as(const blkif_request& raw) {
    static_assert(sizeof(Request) <= sizeof raw);
    Request request;
    std::memcpy(&request, &raw, sizeof request);
    return request;
}

/// Sets the place on the disk; false when it does not lie on it.
bool set_place(BlockRequest& request, std::uint64_t sector, std::uint64_t sectors,
               const Disk::Properties& disk) {
    const std::uint64_t all = disk.bytes / sector_size;
    if (sector > all || sectors > all - sector) return false;
    request.offset = sector * sector_size;
    request.length = sectors * sector_size;
    return true;
}

std::int16_t check_transfer(BlockRequest& request, std::span<const blkif_request_segment> segments,
                            std::uint64_t sector, const Disk::Properties& disk) {
    const bool may_be_empty = request.kind == Kind::flush || request.kind == Kind::barrier;
    if (segments.empty() && !may_be_empty) return BLKIF_RSP_ERROR;
    if (!segments.empty() && request.kind != Kind::read && !disk.is_writable)
        return BLKIF_RSP_ERROR;
    std::uint64_t sectors = 0;
    for (const blkif_request_segment& segment : segments) {
        if (segment.first_sect > segment.last_sect || segment.last_sect >= sectors_per_page)
            return BLKIF_RSP_ERROR;
        const std::uint32_t length = segment.last_sect - segment.first_sect + 1u;
        constexpr auto bytes = static_cast<std::uint32_t>(sector_size);
        request.segments.push_back({segment.gref, segment.first_sect * bytes, length * bytes});
        sectors += length;
    }
    // An empty flush names no place that would mean anything.
    if (segments.empty()) return BLKIF_RSP_OKAY;
    return set_place(request, sector, sectors, disk) ? BLKIF_RSP_OKAY : BLKIF_RSP_ERROR;
}

std::int16_t check_discard(const blkif_request& raw, const Disk::Properties& disk,
                           BlockRequest& request) {
    if (disk.discard_granularity == 0) return BLKIF_RSP_EOPNOTSUPP;
    const auto discard = as<blkif_request_discard>(raw);
    request.kind = Kind::discard;
    const bool is_there = set_place(request, discard.sector_number, discard.nr_sectors, disk);
    return is_there && disk.is_writable ? BLKIF_RSP_OKAY : BLKIF_RSP_ERROR;
}

std::int16_t check_indirect(const blkif_request& raw, const Disk::Properties& disk,
                            const ReadIndirectPage& read_page, BlockRequest& request) {
    const auto indirect = as<blkif_request_indirect>(raw);
    // The front end waits for the operation inside.
    request.operation = indirect.indirect_op;
    if (indirect.indirect_op != BLKIF_OP_READ && indirect.indirect_op != BLKIF_OP_WRITE)
        return BLKIF_RSP_EOPNOTSUPP;
    request.kind = *kind_of(indirect.indirect_op);
    const std::uint32_t count = indirect.nr_segments;
    if (count > most_segments) return BLKIF_RSP_ERROR;
    static_assert(most_segments <= abi::segments_per_indirect_page, "one page is enough");
    std::array<blkif_request_segment, most_segments> segments;
    if (count != 0 && !read_page(indirect.indirect_grefs[0], std::span{segments}.first(count)))
        return BLKIF_RSP_ERROR;
    return check_transfer(request, std::span{segments}.first(count), indirect.sector_number, disk);
}

}  // namespace

std::int16_t check_request(const blkif_request& raw, const Disk::Properties& disk,
                           const ReadIndirectPage& read_page, BlockRequest& request) {
    request.id = raw.id;
    request.operation = raw.operation;
    if (raw.operation == BLKIF_OP_DISCARD) return check_discard(raw, disk, request);
    if (raw.operation == BLKIF_OP_INDIRECT) return check_indirect(raw, disk, read_page, request);
    const auto kind = kind_of(raw.operation);
    if (!kind) return BLKIF_RSP_EOPNOTSUPP;
    request.kind = *kind;
    if (raw.nr_segments > BLKIF_MAX_SEGMENTS_PER_REQUEST) return BLKIF_RSP_ERROR;
    return check_transfer(request, std::span{raw.seg}.first(raw.nr_segments), raw.sector_number,
                          disk);
}

}  // namespace ring3
