// SPDX-License-Identifier: MIT
// The file of a copy-on-write overlay that is kept: a header that says over which base it lies,
// then the map of the sectors that it holds, then these at their places (the file is sparse).
//
//      0  header      4096 bytes, little-endian
//   4096  map         one bit for each sector
//   data  sectors     at `data_offset` + 512 * number, the offset a multiple of 1 MiB
#pragma once

#include <cstdint>
#include <string>

#include "hv/io/block/image_file.hpp"
#include "hv/io/block/sector_map.hpp"

namespace ring3 {

/// The base as the overlay remembers it.
struct OverlayBase {
    std::uint64_t bytes = 0;
    std::int64_t modified_ns = 0;
};

class OverlayFile final {
public:
    static constexpr std::uint64_t map_offset = 4096;

    /// Opens the overlay, or makes it if there is none. Throws ConfigError for a file that is no
    /// overlay or lies over another base, EnvironmentError for what the host refuses.
    static OverlayFile open(const std::string& path, const OverlayBase& base);
    /// A nameless one that is gone with this object; it needs no header.
    static OverlayFile temporary(const std::string& folder, const OverlayBase& base);

    int descriptor() const { return file_.descriptor(); }
    const std::string& path() const { return file_.path(); }
    bool is_kept() const { return is_kept_; }
    std::uint64_t data_offset() const { return data_offset_; }
    /// Fills the map with what the file holds.
    void load(SectorMap& map) const;

private:
    OverlayFile(ImageFile file, const OverlayBase& base, bool is_kept);
    void write_header(const OverlayBase& base);
    void check_header(const OverlayBase& base);

    ImageFile file_;
    bool is_kept_;
    std::uint64_t data_offset_;
};

}  // namespace ring3
