// SPDX-License-Identifier: MIT
// How far a machine in another process is: a page that both share, since a message would cost the
// machine time, and would come when nobody asks.
#pragma once

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <new>
#include <system_error>

#include <sys/mman.h>

#include "experiments/platforms/platform.hpp"

namespace ring3::experiment {

class SharedProgress final {
public:
    /// Before the other process is made, by fork.
    SharedProgress() {
        void* const page = ::mmap(nullptr, sizeof(Page), PROT_READ | PROT_WRITE,
                                  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (page == MAP_FAILED) throw std::system_error{errno, std::generic_category(), "mmap"};
        page_ = new (page) Page;
    }
    SharedProgress(const SharedProgress&) = delete;
    SharedProgress& operator=(const SharedProgress&) = delete;
    ~SharedProgress() { ::munmap(page_, sizeof(Page)); }

    void set(const Progress& progress) {
        page_->time_ns.store(progress.time.count(), std::memory_order_relaxed);
        page_->instructions.store(progress.instructions, std::memory_order_relaxed);
    }
    Progress get() const {
        return {std::chrono::nanoseconds(page_->time_ns.load(std::memory_order_relaxed)),
                page_->instructions.load(std::memory_order_relaxed)};
    }

private:
    struct Page {
        std::atomic<std::int64_t> time_ns{0};
        std::atomic<std::uint64_t> instructions{0};
        static_assert(std::atomic<std::uint64_t>::is_always_lock_free);
    };
    Page* page_;
};

}  // namespace ring3::experiment
