// SPDX-License-Identifier: MIT
// Windows: guest pages where the host's MMU finds them, for code that runs long.
//
// A window is 4 GiB of the host's addresses that stands for one region of the guest's, 4 GiB that
// begin at a multiple of that. All windows of an address space are equally far from their regions.
// Code checks that an address is in such a region, exactly, and uses the operand relative to that
// distance, which is the FS base: no look-up, and no load on the way to the address.
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
    static constexpr std::uint32_t region_of(Vaddr address) {
        return static_cast<std::uint32_t>(address.raw >> 32);
    }

    /// Bytes before and behind a window that are closed, too, or belong to its neighbour: operands
    /// may be this far from the address that was checked.
    static constexpr std::uint64_t margin = 64 * 1024;

    /// Where they are. Programs that can stand anywhere have nothing in the lowest eighth of their
    /// addresses: their windows are below, where this process, laid out as they are, has nothing.
    /// Others, linked for a fixed address, have something in the first region and something in the
    /// last ones: their windows are above, by a few regions or none, where this process is not.
    enum class Place : std::uint8_t { below, near };
    /// The greatest distance of near ones.
    static constexpr std::uint64_t most_near = std::uint64_t{1} << 36;
    static Place place_for(Vaddr code);

    /// `number` is like no other's; `code` and `stack` are where the program's are.
    Windows(std::uint32_t number, Place place, Vaddr code, Vaddr stack, Context& context,
            const MachineMemory& memory);
    ~Windows();
    Windows(const Windows&) = delete;
    Windows& operator=(const Windows&) = delete;

    std::uint32_t number() const { return number_; }
    /// What is added to a guest address.
    std::uint64_t distance() const { return distance_; }
    bool has_region(std::uint32_t region) const {
        return context_.regions.region[RegionTable::slot(region)] == region;
    }
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
    /// There can be no more, or they cannot be where they must.
    bool is_full() const { return is_full_; }
    /// An address was met that can have no window here.
    bool is_misplaced() const { return is_misplaced_; }

private:
    /// Addresses of the host's that were taken for windows.
    struct Range {
        std::byte* start;
        std::uint64_t bytes;
    };
    struct Page {
        const std::byte* host = nullptr;
        bool store = false;
    };
    using Pages = std::unordered_map<std::uint64_t, Page>;

    void release();
    std::byte* place_of(std::uint64_t address) const {
        return reinterpret_cast<std::byte*>(address + distance_);
    }
    bool has_window(Vaddr address) const { return has_region(region_of(address)); }
    bool reserve(std::uint32_t region);
    std::int64_t extents_of(std::uint64_t page, const Page& mapped) const;
    void count_extents(std::int64_t more);
    void note(std::uint64_t page, const std::byte* host, bool store);
    void drop(Pages::iterator page);
    void close_dropped();

    const std::uint32_t number_;
    const Place place_;
    Context& context_;
    const MachineMemory& memory_;
    std::uint64_t distance_ = 0;
    /// One for each window.
    std::vector<Range> ranges_;
    /// By guest address.
    Pages pages_;
    /// Guest addresses by host address.
    std::unordered_multimap<const std::byte*, std::uint64_t> by_frame_;
    /// Pages that are still mapped and must not be.
    std::vector<std::uint64_t> dropped_;
    std::uint64_t mapped_ = 0;
    /// Runs of pages that lie behind each other in the host's memory, too.
    std::int64_t extents_ = 0;
    bool is_full_ = false, is_misplaced_ = false;
};

}  // namespace ring3
