// SPDX-License-Identifier: MIT
#include "hv/io/block/open_disk.hpp"

#include <utility>

#include <fmt/format.h>

#include "hv/abi/blkif.hpp"
#include "hv/base/errors.hpp"
#include "hv/io/block/memory_disk.hpp"
#include "hv/io/block/overlay_disk.hpp"
#include "hv/io/block/raw_disk.hpp"

namespace ring3 {
namespace {

void check_size(const ImageFile& file, std::vector<std::string>& notes) {
    const std::uint64_t left_over = file.bytes() % abi::sector_size;
    if (file.bytes() < abi::sector_size)
        throw ConfigError(
            fmt::format("{}: a disk has at least one sector of 512 bytes, this one has {} bytes",
                        file.path(), file.bytes()));
    if (left_over != 0)
        notes.push_back(fmt::format(
            "{}: the last {} of its {} bytes make no whole sector; the domain does not see them",
            file.path(), left_over, file.bytes()));
}

}  // namespace

std::shared_ptr<Disk> open_disk(const DiskSource& source, HostIo& io,
                                std::vector<std::string>& notes) {
    if (source.kind == DiskSource::Kind::memory) return std::make_shared<MemoryDisk>(source.bytes);
    const bool is_overlay = source.kind == DiskSource::Kind::overlay;
    ImageFile file(source.path, is_overlay ? Sharing::read_only : source.sharing);
    check_size(file, notes);
    if (!is_overlay) return std::make_shared<RawDisk>(std::move(file), source.sharing, io);
    const OverlayBase base{file.bytes(), file.is_block_device() ? 0 : file.modified_ns()};
    OverlayFile overlay = source.overlay_path.empty()
                              ? OverlayFile::temporary(source.temporary_folder, base)
                              : OverlayFile::open(source.overlay_path, base);
    return std::make_shared<OverlayDisk>(std::move(file), std::move(overlay), io);
}

}  // namespace ring3
