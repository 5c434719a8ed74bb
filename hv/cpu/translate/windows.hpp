// SPDX-License-Identifier: MIT
// Windows: guest pages where the host's MMU finds them, for code that runs long.
//
// A window is 4 GiB of the host's addresses that stands for one region of the guest's, 4 GiB that
// begin at a multiple of that. Code checks that an address is in the region, exactly, adds the
// distance to its window, and uses the operand: no look-up, and no load on the way to the address.
// A window holds what the TLB might: pages that a walk found, with the rights that it found. All
// else in it is closed: the host's CPU faults there, and what is missing is mapped, or the
// instruction takes the slow way.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "hv/base/units.hpp"
#include "hv/cpu/translate/context.hpp"
#include "hv/memory/machine_memory.hpp"
#include "hv/memory/page_run.hpp"
#include "hv/memory/walk.hpp"

namespace ring3 {

/// Of one user address space on one vCPU.
class Windows {
public:
    /// The number of a region: its addresses without the low 32 bits.
    static constexpr std::uint64_t region_of(Vaddr address) { return address.raw >> 32; }

    /// Bytes before and behind a window that are closed, too: operands may be this far from the
    /// address that was checked.
    static constexpr std::uint64_t margin = 64 * 1024;

    /// False: the host has no room for windows.
    static bool are_possible();
    /// Makes every region of a context one without a window.
    static void close_regions(Context& context);

    Windows(Context& context, const MachineMemory& memory);
    ~Windows();
    Windows(const Windows&) = delete;
    Windows& operator=(const Windows&) = delete;

    /// Whether the address' region has a window, which is made if there may be one more.
    bool open(Vaddr address);
    /// Maps a page that a walk found, if its region has a window, and those of the run around it
    /// that are not mapped yet: mapping one again costs what closing it does.
    void map(Vaddr page, const PageRun& run);
    /// Whether an access at this host address finds its page.
    bool has(std::uint64_t host_address, Access access) const;

    void page_changed(Vaddr page);
    void region_changed(Vaddr first, std::uint64_t pages);
    /// Takes away the frame at this host address, or the right to store to it.
    void drop_frame(const std::byte* host, Access right);
    /// Drops all pages.
    void empty();
    /// Before guest code runs: what was dropped in name is dropped.
    void settle() {
        if (!dropped_.empty()) [[unlikely]]
            close_dropped();
    }

    /// Times that something was mapped.
    std::uint64_t mapped() const { return mapped_; }
    /// The host may refuse more.
    bool is_full() const { return is_full_; }

private:
    struct Window {
        std::uint64_t region = 0;
        std::byte* start = nullptr;
    };
    struct Page {
        const std::byte* host = nullptr;
        bool store = false;
    };
    using Pages = std::unordered_map<std::uint64_t, Page>;

    const Window* window_of(Vaddr address) const;
    std::int64_t extents_of(std::uint64_t page, const Page& mapped) const;
    void count_extents(std::int64_t more);
    void note(std::uint64_t page, const std::byte* host, bool store);
    void drop(Pages::iterator page);
    void close_dropped();

    Context& context_;
    const MachineMemory& memory_;
    std::vector<Window> windows_;
    /// By guest address.
    Pages pages_;
    /// Guest addresses by host address.
    std::unordered_multimap<const std::byte*, std::uint64_t> by_frame_;
    /// Pages that are still mapped and must not be.
    std::vector<std::uint64_t> dropped_;
    std::uint64_t mapped_ = 0;
    /// Runs of pages that lie behind each other in the host's memory, too.
    std::int64_t extents_ = 0;
    bool is_full_ = false;
};

}  // namespace ring3
