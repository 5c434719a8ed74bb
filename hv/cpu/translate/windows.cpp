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

constexpr std::uint64_t reserved_bytes = region_bytes + 2 * Windows::margin;

/// A closed window, between its margins; null: the host refuses.
std::byte* reserve() {
    constexpr int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
    void* const start = mmap(nullptr, reserved_bytes, PROT_NONE, flags, -1, 0);
    return start == MAP_FAILED ? nullptr : static_cast<std::byte*>(start) + Windows::margin;
}

/// Closes what is mapped there; false: the host refuses.
bool close(std::byte* start, std::uint64_t bytes) {
    constexpr int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED;
    return mmap(start, bytes, PROT_NONE, flags, -1, 0) != MAP_FAILED;
}

/// What regions without a window have in place of one.
std::byte* no_window() {
    static std::byte* const start = reserve();
    return start;
}

}  // namespace

Windows::Windows(Context& context, const MachineMemory& memory)
    : context_(context), memory_(memory) {
    close_regions(context);
}

bool Windows::are_possible() { return no_window() != nullptr; }

void Windows::close_regions(Context& context) {
    context.regions.fill(RegionSlot::make(RegionSlot::no_region, no_window()));
}

Windows::~Windows() {
    close_regions(context_);
    count_extents(-extents_);
    for (const Window& window : windows_) munmap(window.start - margin, reserved_bytes);
}

const Windows::Window* Windows::window_of(Vaddr address) const {
    const auto found = std::ranges::find(windows_, region_of(address), &Window::region);
    return found == windows_.end() ? nullptr : &*found;
}

bool Windows::open(Vaddr address) {
    constexpr std::uint64_t lower_half_end = std::uint64_t{1} << 47;
    if (address.raw >= lower_half_end) return false;
    if (window_of(address) != nullptr) return true;
    const std::uint64_t region = region_of(address);
    RegionSlot& slot = context_.regions[RegionSlot::index(region)];
    if (is_full_ || slot.region != RegionSlot::no_region || windows_.size() == most_windows)
        return false;
    std::byte* const start = reserve();
    if (start == nullptr) return false;
    windows_.push_back({region, start});
    slot = RegionSlot::make(region, start);
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
    const Window* const window = window_of(page);
    if (window == nullptr || is_full_ || !memory_.contains(run.host)) return;
    if (const auto known = pages_.find(page.raw);
        known != pages_.end() && known->second.store == run.store)
        return;
    settle();
    std::uint64_t first = page.raw, end = page.raw + page_size;
    while (first > run.first.raw && !pages_.contains(first - page_size)) first -= page_size;
    while (end < run.first.raw + run.pages * page_size && !pages_.contains(end)) end += page_size;
    std::byte* const host = run.host + (first - run.first.raw);
    std::byte* const place = window->start + (first & (region_bytes - 1));
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
    for (const Window& window : windows_) {
        const std::uint64_t offset = host_address - reinterpret_cast<std::uint64_t>(window.start);
        if (offset >= region_bytes) continue;
        const auto page = pages_.find(window.region << 32 | page_of(Vaddr{offset}).raw);
        return page != pages_.end() && (access != Access::write || page->second.store);
    }
    return false;
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
        if (!close(window_of(page)->start + (page.raw & (region_bytes - 1)), n * page_size)) {
            // No mapping more may be had: those of whole windows take some back.
            empty();
            return;
        }
        i += n;
    }
    dropped_.clear();
}

void Windows::empty() {
    for (const Window& window : windows_)
        HV_CHECK(close(window.start, region_bytes), "windows can be closed");
    pages_.clear();
    by_frame_.clear();
    dropped_.clear();
    count_extents(-extents_);
}

}  // namespace ring3
