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
    : bytes_(bytes),
      range_(bytes),
      populated_((bytes + huge_page_size - 1) / huge_page_size, false) {
    file_ = memfd_create("ring3-memory", MFD_CLOEXEC);
    if (file_ < 0) host_refused("reserving guest memory (memfd_create)");
    constexpr int flags = MAP_SHARED | MAP_FIXED | MAP_NORESERVE;
    if (ftruncate(file_, static_cast<off_t>(bytes)) != 0 ||
        mmap(range_.start(), bytes, PROT_READ | PROT_WRITE, flags, file_, 0) == MAP_FAILED) {
        const int why = errno;
        close(file_);
        errno = why;
        host_refused("reserving guest memory");
    }
    madvise(data(), bytes, MADV_HUGEPAGE);
}

MachineMemory::~MachineMemory() { close(file_); }

void MachineMemory::populate(std::uint64_t index) {
    populated_[index] = true;
    // Guest pages lie anywhere in it: with small pages a boot takes a quarter more.
    const std::uint64_t start = index * huge_page_size;
    take_huge_page(data() + start, std::min(huge_page_size, bytes_ - start));
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
    return mmap(place, bytes, rights, MAP_SHARED | MAP_FIXED | MAP_POPULATE, file_,
                host - data()) != MAP_FAILED;
}

}  // namespace ring3
