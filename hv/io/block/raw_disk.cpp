// SPDX-License-Identifier: MIT
#include "hv/io/block/raw_disk.hpp"

#include <utility>

#include <fmt/format.h>
namespace ring3 {

RawDisk::RawDisk(ImageFile file, Sharing sharing, HostIo& io) : file_(std::move(file)), io_(io) {
    properties_.bytes = file_.bytes() - file_.bytes() % 512;
    properties_.is_writable = sharing != Sharing::read_only;
    properties_.physical_sector = file_.physical_sector();
    // Files give blocks of their file system back; 4 KiB is what nearly all of them have.
    if (properties_.is_writable) properties_.discard_granularity = 4096;
}

std::string RawDisk::description() const {
    return fmt::format("{}:{}", file_.is_block_device() ? "phy" : "file", file_.path());
}

void RawDisk::read(std::uint64_t offset, Pieces pieces, Done done) {
    io_.submit({FileOperation::Kind::read, file_.descriptor(), offset, std::move(pieces), 0},
               std::move(done));
}

void RawDisk::write(std::uint64_t offset, Pieces pieces, Done done) {
    io_.submit({FileOperation::Kind::write, file_.descriptor(), offset, std::move(pieces), 0},
               std::move(done));
}

void RawDisk::flush(Done done) {
    io_.submit({FileOperation::Kind::flush, file_.descriptor(), 0, {}, 0}, std::move(done));
}

void RawDisk::discard(std::uint64_t offset, std::uint64_t length, Done done) {
    io_.submit({FileOperation::Kind::punch_hole, file_.descriptor(), offset, {}, length},
               std::move(done));
}

}  // namespace ring3
