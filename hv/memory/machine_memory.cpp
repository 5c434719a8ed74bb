// SPDX-License-Identifier: MIT
// Host memory through memfd_create(2) and mmap(2).
#include "hv/memory/machine_memory.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

namespace ring3 {

namespace {

[[noreturn]] void host_refused(const char* what) {
    throw std::system_error(errno, std::generic_category(), what);
}

}  // namespace

MachineMemory::MachineMemory(std::uint64_t bytes)
    : bytes_(bytes), populated_((bytes + step - 1) / step, false) {
    file_ = memfd_create("ring3-memory", MFD_CLOEXEC);
    if (file_ < 0) host_refused("reserving guest memory (memfd_create)");
    void* start = MAP_FAILED;
    if (ftruncate(file_, static_cast<off_t>(bytes)) == 0) {
        start = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, file_, 0);
    }
    if (start == MAP_FAILED) {
        const int why = errno;
        close(file_);
        errno = why;
        host_refused("reserving guest memory (mmap)");
    }
    data_ = static_cast<std::byte*>(start);
    // Where the host has huge pages for shared memory: guest pages lie anywhere in it, and small
    // host pages make the host's TLB miss more often.
    madvise(data_, bytes, MADV_HUGEPAGE);
}

MachineMemory::~MachineMemory() {
    munmap(data_, bytes_);
    close(file_);
}

void MachineMemory::populate(std::uint64_t index) {
    populated_[index] = true;
    // A host that cannot populates page by page.
    madvise(data_ + index * step, std::min(step, bytes_ - index * step), MADV_POPULATE_WRITE);
}

void MachineMemory::discard(std::uint64_t offset, std::uint64_t bytes) {
    if (fallocate(file_, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(offset),
                  static_cast<off_t>(bytes)) != 0) {
        host_refused("giving memory back (fallocate)");
    }
}

bool MachineMemory::map_also(const std::byte* host, std::uint64_t bytes, bool writable,
                             std::byte* place) const {
    const int rights = writable ? PROT_READ | PROT_WRITE : PROT_READ;
    return mmap(place, bytes, rights, MAP_SHARED | MAP_FIXED | MAP_POPULATE, file_, host - data_) !=
           MAP_FAILED;
}

}  // namespace ring3
