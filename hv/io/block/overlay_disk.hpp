// SPDX-License-Identifier: MIT
// A copy-on-write disk: reads come from a base that nobody writes, until the guest has written the
// sector; what it writes goes to an overlay, which is kept under a name or gone with the guest.
//
// The map in memory says where each sector is. In a kept overlay it reaches the file with a flush,
// after the data: at any moment a sector in the file's map has its data behind it, so after a crash
// the guest finds all that was flushed, and of the rest either the old sector or the new one.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "hv/io/block/disk.hpp"
#include "hv/io/block/host_io.hpp"
#include "hv/io/block/image_file.hpp"
#include "hv/io/block/overlay_file.hpp"
#include "hv/io/block/sector_map.hpp"

namespace ring3 {

class OverlayDisk final : public Disk {
public:
    OverlayDisk(ImageFile base, OverlayFile overlay, HostIo& io);
    ~OverlayDisk() override;

    const Properties& properties() const override { return properties_; }
    std::string description() const override;

    void read(std::uint64_t offset, Pieces pieces, Done done) override;
    void write(std::uint64_t offset, Pieces pieces, Done done) override;
    void flush(Done done) override;
    void discard(std::uint64_t offset, std::uint64_t length, Done done) override;
    void wait_for_all() override { io_.wait_for_all(); }

private:
    /// A page of the map as it was when its flush began.
    using MapPage = std::pair<std::uint64_t, std::vector<std::byte>>;

    void start_flush();
    void write_map(std::shared_ptr<std::vector<MapPage>> pages);
    void end_flush(int error, const std::vector<MapPage>& pages);
    std::uint64_t place(std::uint64_t offset) const { return overlay_.data_offset() + offset; }

    const ImageFile base_;
    const OverlayFile overlay_;
    HostIo& io_;
    Properties properties_;
    SectorMap map_;
    /// Who waits for the flush that goes on, and for the next one.
    std::vector<Done> flushing_, to_flush_;
};

}  // namespace ring3
