// SPDX-License-Identifier: MIT
#include "hv/cpu/translate/code_cache.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>

#include "hv/base/check.hpp"

namespace ring3 {
namespace {

[[noreturn]] void fail(const char* what) {
    throw std::system_error(errno, std::generic_category(), what);
}

}  // namespace

CodeCache::CodeCache(std::size_t bytes) : size_(bytes), writable_(bytes), executable_(bytes) {
    const int fd = memfd_create("ring3-code", MFD_CLOEXEC);
    if (fd < 0) fail("memfd_create for translated code");
    const auto map = [&](const HugeRange& range, int right) {
        constexpr int flags = MAP_SHARED | MAP_FIXED;
        void* const mapped = mmap(range.start(), bytes, PROT_READ | right, flags, fd, 0);
        if (mapped == MAP_FAILED) return false;
        madvise(mapped, bytes, MADV_HUGEPAGE);
        return true;
    };
    const bool is_mapped = ftruncate(fd, static_cast<off_t>(bytes)) == 0 &&
                           map(writable_, PROT_WRITE) && map(executable_, PROT_EXEC);
    const int why = errno;
    close(fd);
    errno = why;
    if (!is_mapped) fail("memory for translated code");
}

std::span<std::uint8_t> CodeCache::append(std::span<const std::uint8_t> code) {
    HV_CHECK(code.size() <= room(), "the code cache must be emptied before it overflows");
    for (; populated_ < used_ + code.size(); populated_ += huge_page_size) {
        const std::uint64_t bytes = std::min<std::uint64_t>(huge_page_size, size_ - populated_);
        take_huge_page(writable_.start() + populated_, bytes);
    }
    const std::span<std::uint8_t> written{writable(next()), code.size()};
    std::copy(code.begin(), code.end(), written.begin());
    // Blocks start on 16 bytes: decoders fetch in lines.
    used_ += (code.size() + 15) & ~std::size_t{15};
    if (used_ > size_) used_ = size_;
    return written;
}

void CodeCache::patch_branch(std::uint64_t rel32_address, std::uint64_t target) {
    // The cache is far smaller than 2 GiB, so the distance fits.
    const auto distance = static_cast<std::int32_t>(target - (rel32_address + 4));
    std::memcpy(writable(rel32_address), &distance, sizeof distance);
}

void CodeCache::set_word(std::uint64_t address, std::uint32_t word) {
    std::memcpy(writable(address), &word, sizeof word);
}

}  // namespace ring3
