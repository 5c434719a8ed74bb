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

/// Since Linux 6.1; Debian 12's libc does not name it.
constexpr int madv_collapse = 25;

[[noreturn]] void host_refused(const char* what) {
    throw std::system_error(errno, std::generic_category(), what);
}

}  // namespace

MachineMemory::MachineMemory(std::uint64_t bytes)
    : bytes_(bytes), populated_((bytes + step - 1) / step, false) {
    file_ = memfd_create("ring3-memory", MFD_CLOEXEC);
    if (file_ < 0) host_refused("reserving guest memory (memfd_create)");
    // Huge pages need addresses that are aligned as offsets in the file are: some more is reserved.
    constexpr int flags = MAP_NORESERVE;
    void* const reserved =
        mmap(nullptr, bytes + step, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
    void* start = MAP_FAILED;
    if (reserved != MAP_FAILED && ftruncate(file_, static_cast<off_t>(bytes)) == 0) {
        reserved_ = static_cast<std::byte*>(reserved);
        const auto address = reinterpret_cast<std::uint64_t>(reserved);
        start = mmap(reserved_ + (step - address % step), bytes, PROT_READ | PROT_WRITE,
                     MAP_SHARED | MAP_FIXED | flags, file_, 0);
    }
    if (start == MAP_FAILED) {
        const int why = errno;
        if (reserved != MAP_FAILED) munmap(reserved, bytes + step);
        close(file_);
        errno = why;
        host_refused("reserving guest memory (mmap)");
    }
    data_ = static_cast<std::byte*>(start);
    madvise(data_, bytes, MADV_HUGEPAGE);
}

MachineMemory::~MachineMemory() {
    munmap(reserved_, bytes_ + step);
    close(file_);
}

void MachineMemory::populate(std::uint64_t index) {
    populated_[index] = true;
    std::byte* const start = data_ + index * step;
    const std::uint64_t length = std::min(step, bytes_ - index * step);
    // Guest pages lie anywhere in it, and small host pages make the host's TLB miss with nearly
    // each of them: a boot takes a quarter more. What has no page yet cannot become a huge one.
    static_cast<void>(*static_cast<volatile std::byte*>(start));
    if (madvise(start, length, madv_collapse) != 0) madvise(start, length, MADV_POPULATE_WRITE);
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
