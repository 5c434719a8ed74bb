// SPDX-License-Identifier: MIT
// Host memory through memfd_create(2) and mmap(2).
#include "hv/memory/host_mapping.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace ring3 {

namespace {

[[noreturn]] void host_refused(const char* what) {
    throw std::system_error(errno, std::generic_category(), what);
}

}  // namespace

HostMapping::HostMapping(const char* name, std::uint64_t bytes) : bytes_(bytes) {
    file_ = memfd_create(name, MFD_CLOEXEC);
    if (file_ < 0) host_refused("memfd_create");
    if (ftruncate(file_, static_cast<off_t>(bytes)) != 0) {
        close(file_);
        host_refused("reserving guest memory (ftruncate)");
    }
    void* const start =
        mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, file_, 0);
    if (start == MAP_FAILED) {
        close(file_);
        host_refused("reserving guest memory (mmap)");
    }
    data_ = static_cast<std::byte*>(start);
}

HostMapping::~HostMapping() {
    munmap(data_, bytes_);
    close(file_);
}

void HostMapping::discard(std::uint64_t offset, std::uint64_t bytes) {
    if (fallocate(file_, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(offset),
                  static_cast<off_t>(bytes)) != 0) {
        host_refused("giving memory back (fallocate)");
    }
}

}  // namespace ring3
