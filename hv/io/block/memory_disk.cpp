// SPDX-License-Identifier: MIT
#include "hv/io/block/memory_disk.hpp"

#include <cerrno>
#include <cstring>
#include <utility>

#include <sys/mman.h>
#include <unistd.h>

#include <fmt/format.h>

#include "hv/base/errors.hpp"

namespace ring3 {

MemoryDisk::MemoryDisk(std::uint64_t bytes) : file_(::memfd_create("ring3 disk", MFD_CLOEXEC)) {
    properties_ = {bytes, true, 4096, 4096};
    if (file_ >= 0 && ::ftruncate(file_, static_cast<off_t>(bytes)) == 0) return;
    const int error = errno;
    if (file_ >= 0) ::close(file_);
    throw EnvironmentError(
        fmt::format("cannot make a disk in memory of {} bytes: {}", bytes, std::strerror(error)));
}

MemoryDisk::~MemoryDisk() { ::close(file_); }

std::string MemoryDisk::description() const { return fmt::format("memory:{}", properties_.bytes); }

void MemoryDisk::read(std::uint64_t offset, Pieces pieces, Done done) {
    FileOperation operation{FileOperation::Kind::read, file_, offset, std::move(pieces), 0};
    done(perform(operation));
}

void MemoryDisk::write(std::uint64_t offset, Pieces pieces, Done done) {
    FileOperation operation{FileOperation::Kind::write, file_, offset, std::move(pieces), 0};
    done(perform(operation));
}

void MemoryDisk::discard(std::uint64_t offset, std::uint64_t length, Done done) {
    FileOperation operation{FileOperation::Kind::punch_hole, file_, offset, {}, length};
    done(perform(operation));
}

}  // namespace ring3
