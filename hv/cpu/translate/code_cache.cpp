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

CodeCache::CodeCache(std::size_t bytes) : size_(bytes) {
    const int fd = memfd_create("ring3-code", MFD_CLOEXEC);
    if (fd < 0) fail("memfd_create for translated code");
    if (ftruncate(fd, static_cast<off_t>(bytes)) != 0) {
        close(fd);
        fail("memory for translated code");
    }
    void* writable = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    // Executable by design: this is what a translator emits.
    void* executable = mmap(nullptr, bytes, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0);
    close(fd);
    if (writable == MAP_FAILED || executable == MAP_FAILED) fail("mapping translated code");
    writable_ = static_cast<std::uint8_t*>(writable);
    executable_ = static_cast<std::uint8_t*>(executable);
}

CodeCache::~CodeCache() {
    munmap(writable_, size_);
    munmap(executable_, size_);
}

std::span<std::uint8_t> CodeCache::append(std::span<const std::uint8_t> code) {
    HV_CHECK(code.size() <= room(), "the code cache must be emptied before it overflows");
    const std::span<std::uint8_t> written{writable_ + used_, code.size()};
    std::copy(code.begin(), code.end(), written.begin());
    // Blocks start on 16 bytes: decoders fetch in lines.
    used_ += (code.size() + 15) & ~std::size_t{15};
    if (used_ > size_) used_ = size_;
    return written;
}

void CodeCache::patch_branch(std::uint64_t rel32_address, std::uint64_t target) {
    // The cache is far smaller than 2 GiB, so the distance fits.
    const auto distance = static_cast<std::int32_t>(target - (rel32_address + 4));
    std::memcpy(writable_ + (rel32_address - base()), &distance, sizeof distance);
}

void CodeCache::add_to_word(std::uint64_t address, std::uint32_t more) {
    std::uint8_t* const at = writable_ + (address - base());
    std::uint32_t word = 0;
    std::memcpy(&word, at, sizeof word);
    word += more;
    std::memcpy(at, &word, sizeof word);
}

}  // namespace ring3
