// SPDX-License-Identifier: MIT
#include "hv/io/disk_model/disk_2003_geometry.hpp"

#include <algorithm>

#include "hv/base/check.hpp"

namespace ring3 {
namespace {

constexpr std::uint64_t sector_bytes = 512;
constexpr std::uint64_t zone_count = 16;

}  // namespace

Disk2003Geometry::Disk2003Geometry(const Platters& platters) : platters_(platters) {
    // Rates are below 2^40 bytes/s and a revolution below 2^35 ns in steps of 1000: no overflow.
    const auto sectors_of_track = [&](std::uint64_t bytes_per_second) {
        const auto microseconds = static_cast<std::uint64_t>(platters.revolution.count() / 1000);
        return std::max<std::uint64_t>(bytes_per_second * microseconds / 1'000'000 / sector_bytes,
                                       1);
    };
    const std::uint64_t outer = sectors_of_track(platters.outer_bytes_per_second);
    const std::uint64_t inner = std::min(outer, sectors_of_track(platters.inner_bytes_per_second));
    // All zones have as many cylinders, so a track has the mean of both on the average.
    const std::uint64_t wanted = std::max<std::uint64_t>(platters.capacity_bytes / sector_bytes, 1);
    const std::uint64_t per_cylinder = (outer + inner) * platters.heads / 2;
    const std::uint64_t per_zone = std::max<std::uint64_t>(
        (wanted / std::max<std::uint64_t>(per_cylinder, 1) + zone_count) / zone_count, 1);
    for (std::uint64_t zone = 0; zone < zone_count; ++zone) {
        const std::uint64_t on_track = outer - (outer - inner) * zone / (zone_count - 1);
        zones_.push_back({sectors_, cylinders_, static_cast<std::uint32_t>(on_track)});
        cylinders_ += per_zone;
        sectors_ += per_zone * platters.heads * on_track;
    }
}

Disk2003Geometry::Place Disk2003Geometry::place_of(std::uint64_t sector) const {
    HV_CHECK(sector < sectors_, "no such sector on the platters");
    const auto behind = std::ranges::upper_bound(zones_, sector, {}, &Zone::first_sector);
    const Zone& zone = *std::prev(behind);
    const std::uint64_t in_zone = sector - zone.first_sector;
    const std::uint64_t track = in_zone / zone.sectors_per_track;
    Place place;
    place.cylinder = zone.first_cylinder + track / platters_.heads;
    place.head = static_cast<std::uint32_t>(track % platters_.heads);
    place.sector = static_cast<std::uint32_t>(in_zone % zone.sectors_per_track);
    place.sectors_per_track = zone.sectors_per_track;
    // Every step to the next track adds its skew. Cylinders and heads are few (below 2^32) and a
    // skew is below a second, so the sums stay below 2^62.
    const auto cylinder = static_cast<std::int64_t>(place.cylinder);
    const auto steps = static_cast<std::int64_t>(platters_.heads) - 1;
    const Duration skew =
        cylinder * (platters_.cylinder_skew % platters_.revolution) +
        (cylinder * steps + place.head) * (platters_.head_skew % platters_.revolution);
    place.track_angle = skew % platters_.revolution;
    return place;
}

Duration Disk2003Geometry::until(const Place& place, Time now) const {
    const Duration revolution = platters_.revolution;
    const Duration angle = (place.track_angle + passing(place, place.sector)) % revolution;
    const Duration wait = angle - now.time_since_epoch() % revolution;
    return wait < Duration::zero() ? wait + revolution : wait;
}

Duration Disk2003Geometry::passing(const Place& place, std::uint64_t sectors) const {
    return platters_.revolution * static_cast<std::int64_t>(sectors) / place.sectors_per_track;
}

}  // namespace ring3
