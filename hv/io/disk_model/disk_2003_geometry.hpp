// SPDX-License-Identifier: MIT
// Where a sector lies on platters that turn: cylinders in zones, the outer ones with more sectors
// on a track. Angles are times: how long after the platter's zero mark a point passes the heads.
#pragma once

#include <cstdint>
#include <vector>

#include "hv/base/units.hpp"

namespace ring3 {

struct Platters {
    Duration revolution{};
    std::uint64_t capacity_bytes = 0;
    std::uint32_t heads = 1;
    /// What passes under a head of the outermost and of the innermost zone.
    std::uint64_t outer_bytes_per_second = 0;
    std::uint64_t inner_bytes_per_second = 0;
    /// A neighbouring track's first sector comes this much later, so that the head or the arm can
    /// get there in between.
    Duration head_skew{};
    Duration cylinder_skew{};
};

class Disk2003Geometry {
public:
    struct Place {
        std::uint64_t cylinder = 0;
        std::uint32_t head = 0;
        std::uint32_t sector = 0;
        std::uint32_t sectors_per_track = 0;
        /// Where the track begins.
        Duration track_angle{};
    };

    explicit Disk2003Geometry(const Platters& platters);

    std::uint64_t cylinders() const { return cylinders_; }
    std::uint64_t sectors() const { return sectors_; }
    Duration revolution() const { return platters_.revolution; }
    /// `sector` is less than sectors().
    Place place_of(std::uint64_t sector) const;
    /// From `now` until this sector begins to pass the head.
    Duration until(const Place& place, Time now) const;
    /// How long so many sectors of the place's track take to pass.
    Duration passing(const Place& place, std::uint64_t sectors) const;

private:
    struct Zone {
        std::uint64_t first_sector;
        std::uint64_t first_cylinder;
        std::uint32_t sectors_per_track;
    };

    const Platters platters_;
    std::vector<Zone> zones_;
    std::uint64_t cylinders_ = 0;
    std::uint64_t sectors_ = 0;
};

}  // namespace ring3
