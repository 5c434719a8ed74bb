// SPDX-License-Identifier: MIT
// Host memory through mmap(2).
#include "hv/memory/host_mapping.hpp"

#include <sys/mman.h>

#include <cerrno>
#include <system_error>

namespace ring3 {

namespace {

[[noreturn]] void host_refused(const char* what) {
    throw std::system_error(errno, std::generic_category(), what);
}

}  // namespace

HostMapping::HostMapping(std::uint64_t bytes) : bytes_(bytes) {
    void* const start = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (start == MAP_FAILED) host_refused("reserving guest memory (mmap)");
    data_ = static_cast<std::byte*>(start);
    // Guest pages lie anywhere in it, and small host pages would make the host's TLB miss with
    // nearly each of them. A host that cannot is only slower.
    madvise(data_, bytes, MADV_HUGEPAGE);
}

HostMapping::~HostMapping() { munmap(data_, bytes_); }

void HostMapping::discard(std::uint64_t offset, std::uint64_t bytes) {
    if (madvise(data_ + offset, bytes, MADV_DONTNEED) != 0) {
        host_refused("giving memory back (madvise)");
    }
}

}  // namespace ring3
