// SPDX-License-Identifier: MIT
#include "hv/cpu/translate/host_fs.hpp"

#include <immintrin.h>

#include <atomic>
#include <cstddef>

#include "hv/cpu/translate/context.hpp"
#include "hv/cpu/translate/windows.hpp"

namespace ring3 {
namespace {

/// Translated code of this process may have an FS base of its own.
std::atomic<bool> is_used{false};

/// A distance of windows, which leads up past the host's addresses or is small
/// (Windows::most_near); no thread's data is there.
bool is_distance(std::uint64_t base) { return base >> 47 != 0 || base <= Windows::most_near; }

[[gnu::target("fsgsbase")]] std::uint64_t read_base() { return _readfsbase_u64(); }
[[gnu::target("fsgsbase")]] void write_base(std::uint64_t base) { _writefsbase_u64(base); }

}  // namespace

// A protected stack would ask for its canary through FS.
__attribute__((no_stack_protector)) HostFs::HostFs() {
    if (!is_used.load(std::memory_order_relaxed)) return;
    codes_ = read_base();
    if (!is_distance(codes_)) return;
    // Only translated code has such a base, and its GS base is the Context.
    std::uint64_t host = 0;
    asm("mov %%gs:%c1, %0" : "=r"(host) : "i"(offsetof(Context, host_fs)));
    write_base(host);
    is_replaced_ = true;
}

__attribute__((no_stack_protector)) HostFs::~HostFs() {
    if (is_replaced_) write_base(codes_);
}

std::uint64_t HostFs::base(bool fsgsbase) {
    if (!fsgsbase) return 0;
    is_used.store(true, std::memory_order_relaxed);
    return read_base();
}

}  // namespace ring3
