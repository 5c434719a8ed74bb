// SPDX-License-Identifier: MIT
// A request of a front end, taken apart and checked against the disk before anything is done.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "hv/abi/blkif.hpp"
#include "hv/io/block/disk.hpp"

namespace ring3 {

/// What feature-max-indirect-segments says: 1 MiB in one request.
constexpr std::uint32_t most_segments = 256;

struct BlockRequest {
    enum class Kind : std::uint8_t { read, write, flush, barrier, discard };
    struct Segment {
        grant_ref_t gref;
        std::uint32_t offset;  ///< in the page
        std::uint32_t length;
    };

    Kind kind = Kind::read;
    /// To be echoed.
    std::uint64_t id = 0;
    std::uint8_t operation = 0;
    /// On the disk, in bytes. A flush or barrier may have no data.
    std::uint64_t offset = 0;
    std::uint64_t length = 0;
    std::vector<Segment> segments;

    blkif_response response(std::int16_t status) const {
        blkif_response answer{};
        answer.id = id;
        answer.operation = operation;
        answer.status = status;
        return answer;
    }
};

/// Copies segments from the start of a granted page. False: it is not granted.
using ReadIndirectPage =
    std::function<bool(grant_ref_t gref, std::span<blkif_request_segment> segments)>;

/// Fills `request` from what stood in the ring: always `id` and `operation`, the rest when the
/// request can be done. BLKIF_RSP_OKAY, or the status that the front end gets at once.
std::int16_t check_request(const blkif_request& raw, const Disk::Properties& disk,
                           const ReadIndirectPage& read_page, BlockRequest& request);

}  // namespace ring3
