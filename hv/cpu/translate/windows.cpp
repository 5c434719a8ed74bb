// SPDX-License-Identifier: MIT
#include "hv/cpu/translate/windows.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <atomic>

#include "hv/base/check.hpp"

namespace ring3 {
namespace {

constexpr std::uint64_t region_bytes = std::uint64_t{1} << 32;
/// A program has its text and heap in one region, its libraries in another, its stack in a third.
constexpr std::size_t most_windows = 12;
/// Each makes two mappings of the host's, and a process has 65,530 (vm.max_map_count).
constexpr std::int64_t most_extents = 24'000;
/// Of all windows of the process.
std::atomic<std::int64_t> extents{0};

/// Where the host's addresses for programs end (x86-64 Linux with four levels of tables).
constexpr std::uint64_t host_end = (std::uint64_t{1} << 47) - page_size;

/// What a program has above its stack pointer: its callers, arguments and environment.
constexpr std::uint64_t most_above_stack = std::uint64_t{1} << 20;

/// What is below has no window below.
constexpr std::uint64_t lowest_movable = std::uint64_t{1} << 44;

constexpr unsigned attempts = 16;
static_assert(attempts * region_bytes <= Windows::most_near);

/// Candidates for the distance of an address space's windows. Near ones differ by whole regions,
/// so that they can be beside each other, and beside this process' stack.
std::uint64_t distance_for(Windows::Place place, unsigned attempt) {
    if (place == Windows::Place::near) return attempt * region_bytes + 2 * Windows::margin;
    constexpr std::uint64_t least = lowest_movable / 2;
    return 0 - least - attempt * (least / attempts);
}

/// Address spaces take different ones, or they would be in each other's way.
std::atomic<unsigned> next_attempt{0};

constexpr int closed = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;

/// Closes what is mapped there; false: the host refuses.
bool close(std::byte* start, std::uint64_t bytes) {
    return mmap(start, bytes, PROT_NONE, closed | MAP_FIXED, -1, 0) != MAP_FAILED;
}

}  // namespace

Windows::Place Windows::place_for(Vaddr code) {
    return code.raw < lowest_movable ? Place::near : Place::below;
}

Windows::Windows(std::uint32_t number, Place place, Vaddr code, Vaddr stack, Context& context,
                 const MachineMemory& memory)
    : number_(number), place_(place), context_(context), memory_(memory) {
    const unsigned first = next_attempt++;
    for (unsigned i = 0; i < attempts; ++i) {
        distance_ = distance_for(place, (first + i) % attempts);
        context_.window_distance = distance_;
        is_full_ = false;
        if (open(code) && open(stack) && stack.raw + most_above_stack + distance_ <= host_end)
            return;
        release();
    }
    is_full_ = true;
}

Windows::~Windows() {
    count_extents(-extents_);
    release();
}

void Windows::release() {
    context_.regions.region.fill(RegionTable::no_region);
    for (const Range& range : ranges_) munmap(range.start, range.bytes);
    ranges_.clear();
}

bool Windows::open(Vaddr address) {
    constexpr std::uint64_t lower_half_end = std::uint64_t{1} << 47;
    if (address.raw >= lower_half_end) return false;
    if (has_window(address)) return true;
    if (place_ == Place::below && place_for(address) != place_) {
        is_misplaced_ = true;
        return false;
    }
    const std::uint32_t region = region_of(address);
    std::uint32_t& slot = context_.regions.region[RegionTable::slot(region)];
    // Without one of its windows a program would not be faster than without any.
    is_full_ = is_full_ || slot != RegionTable::no_region || ranges_.size() == most_windows ||
               !reserve(region);
    if (is_full_) return false;
    slot = region;
    return true;
}

/// Takes the host's addresses for a region and its margins, except for what neighbours have taken.
bool Windows::reserve(std::uint32_t region) {
    const Vaddr start{region * region_bytes};
    std::uint64_t first = start.raw + distance_, end = first + region_bytes;
    first = has_window(Vaddr{start.raw - 1}) ? first + margin : first - margin;
    end = std::min(has_window(start + region_bytes) ? end - margin : end + margin, host_end);
    if (first >= end) return false;
    auto* const wanted = reinterpret_cast<std::byte*>(first);
    void* const got = mmap(wanted, end - first, PROT_NONE, closed | MAP_FIXED_NOREPLACE, -1, 0);
    if (got == MAP_FAILED) return false;
    if (got != wanted) {
        // Linux before 4.17 takes it for a hint.
        munmap(got, end - first);
        return false;
    }
    ranges_.push_back({wanted, end - first});
    return true;
}

/// By how much this page makes extents more: it may lengthen one, or join two.
std::int64_t Windows::extents_of(std::uint64_t page, const Page& mapped) const {
    const auto joins = [&](std::int64_t step) {
        const auto other = pages_.find(page + static_cast<std::uint64_t>(step));
        return other != pages_.end() && other->second.host == mapped.host + step &&
               other->second.store == mapped.store;
    };
    constexpr auto step = static_cast<std::int64_t>(page_size);
    return 1 - (joins(step) ? 1 : 0) - (joins(-step) ? 1 : 0);
}

void Windows::count_extents(std::int64_t more) {
    extents_ += more;
    extents += more;
}

void Windows::map(Vaddr page, const PageRun& run) {
    if (!has_window(page) || is_full_ || !memory_.contains(run.host)) return;
    const auto ends_in_host = [&](std::uint64_t end) { return end + distance_ <= host_end; };
    if (!ends_in_host(page.raw + page_size)) return;
    if (const auto known = pages_.find(page.raw);
        known != pages_.end() && known->second.store == run.store)
        return;
    settle();
    std::uint64_t first = page.raw, end = page.raw + page_size;
    while (first > run.first.raw && !pages_.contains(first - page_size)) first -= page_size;
    while (end < run.first.raw + run.pages * page_size && !pages_.contains(end) &&
           ends_in_host(end + page_size))
        end += page_size;
    std::byte* const host = run.host + (first - run.first.raw);
    std::byte* const place = place_of(first);
    if (extents >= most_extents || !memory_.map_also(host, end - first, run.store, place)) {
        // A mapping that failed may have left a hole, where others of the process could come to be.
        empty();
        is_full_ = true;
        return;
    }
    ++mapped_;
    for (std::uint64_t at = first; at < end; at += page_size)
        note(at, host + (at - first), run.store);
}

void Windows::note(std::uint64_t page, const std::byte* host, bool store) {
    const auto [known, is_new] = pages_.try_emplace(page, Page{host, store});
    if (is_new) {
        by_frame_.emplace(host, page);
    } else {
        HV_CHECK(known->second.host == host, "a page that has moved was dropped");
        count_extents(-extents_of(page, known->second));
        known->second.store = store;
    }
    count_extents(extents_of(page, known->second));
}

bool Windows::has(std::uint64_t host_address, Access access) const {
    const auto page = pages_.find(page_of(Vaddr{host_address - distance_}).raw);
    return page != pages_.end() && (access != Access::write || page->second.store);
}

void Windows::drop(Pages::iterator page) {
    const auto [first, last] = by_frame_.equal_range(page->second.host);
    const auto entry =
        std::find_if(first, last, [&](const auto& each) { return each.second == page->first; });
    if (entry != last) by_frame_.erase(entry);
    count_extents(-extents_of(page->first, page->second));
    dropped_.push_back(page->first);
    pages_.erase(page);
}

void Windows::page_changed(Vaddr page) {
    const auto found = pages_.find(page.raw);
    if (found != pages_.end()) drop(found);
}

void Windows::region_changed(Vaddr first, std::uint64_t pages) {
    if (pages < pages_.size()) {
        for (std::uint64_t i = 0; i < pages; ++i) page_changed(first + i * page_size);
        return;
    }
    for (auto page = pages_.begin(); page != pages_.end();) {
        const auto next = std::next(page);
        if (page->first - first.raw < pages * page_size) drop(page);
        page = next;
    }
}

void Windows::drop_frame(const std::byte* host, Access right) {
    const auto [first, last] = by_frame_.equal_range(host);
    std::vector<std::uint64_t> users;
    for (auto each = first; each != last; ++each) users.push_back(each->second);
    for (const std::uint64_t page : users) {
        const auto found = pages_.find(page);
        if (right != Access::write || found->second.store) drop(found);
    }
}

void Windows::close_dropped() {
    // What stays would be mapped again.
    if (dropped_.size() > pages_.size()) {
        empty();
        return;
    }
    std::ranges::sort(dropped_);
    for (std::size_t i = 0; i < dropped_.size();) {
        std::size_t n = 1;
        while (i + n < dropped_.size() && dropped_[i + n] == dropped_[i] + n * page_size) ++n;
        const Vaddr page{dropped_[i]};
        if (!close(place_of(page.raw), n * page_size)) {
            // No mapping more may be had: those of whole windows take some back.
            empty();
            return;
        }
        i += n;
    }
    dropped_.clear();
}

void Windows::empty() {
    for (const Range& range : ranges_)
        HV_CHECK(close(range.start, range.bytes), "windows can be closed");
    pages_.clear();
    by_frame_.clear();
    dropped_.clear();
    count_extents(-extents_);
}

}  // namespace ring3
