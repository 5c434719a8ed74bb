// SPDX-License-Identifier: MIT
// Huge pages through madvise(2).
#include "hv/memory/huge_page.hpp"

#include <sys/mman.h>

#include <cerrno>
#include <system_error>

namespace ring3 {
namespace {

/// Since Linux 6.1; Debian 12's libc does not name it.
constexpr int madv_collapse = 25;

}  // namespace

HugeRange::HugeRange(std::uint64_t bytes) : reserved_bytes_(bytes + huge_page_size) {
    constexpr int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
    void* const reserved = mmap(nullptr, reserved_bytes_, PROT_NONE, flags, -1, 0);
    if (reserved == MAP_FAILED)
        throw std::system_error(errno, std::generic_category(), "reserving addresses (mmap)");
    reserved_ = static_cast<std::byte*>(reserved);
    start_ =
        reserved_ + (huge_page_size - reinterpret_cast<std::uint64_t>(reserved) % huge_page_size);
}

HugeRange::~HugeRange() { munmap(reserved_, reserved_bytes_); }

void take_huge_page(std::byte* start, std::uint64_t bytes) {
    // What has no page yet cannot become a huge one.
    static_cast<void>(*static_cast<volatile std::byte*>(start));
    if (madvise(start, bytes, madv_collapse) != 0) madvise(start, bytes, MADV_POPULATE_WRITE);
}

}  // namespace ring3
