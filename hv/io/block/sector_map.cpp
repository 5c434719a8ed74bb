// SPDX-License-Identifier: MIT
#include "hv/io/block/sector_map.hpp"

#include <algorithm>

namespace ring3 {
namespace {

constexpr std::array<std::byte, SectorMap::page_bytes> empty_page{};

}  // namespace

bool SectorMap::test(std::uint64_t sector) const {
    const auto& page = pages_[sector / sectors_per_page];
    if (!page) return false;
    const std::uint64_t bit = sector % sectors_per_page;
    return ((*page)[bit / 8] >> (bit % 8) & std::byte{1}) != std::byte{0};
}

SectorMap::Run SectorMap::run_at(std::uint64_t first, std::uint64_t most) const {
    const bool is_set = test(first);
    std::uint64_t count = 1;
    while (count < most && test(first + count) == is_set) ++count;
    return {is_set, count};
}

void SectorMap::set(std::uint64_t first, std::uint64_t count) {
    for (std::uint64_t sector = first; sector < first + count; ++sector) {
        auto& page = pages_[sector / sectors_per_page];
        if (!page) page = std::make_unique<Page>();
        const std::uint64_t bit = sector % sectors_per_page;
        std::byte& byte = (*page)[bit / 8];
        const std::byte before = byte;
        byte |= std::byte{1} << (bit % 8);
        if (byte != before) changed_.insert(sector / sectors_per_page);
    }
}

std::span<const std::byte> SectorMap::page(std::uint64_t number) const {
    return pages_[number] ? std::span<const std::byte>{*pages_[number]} : empty_page;
}

void SectorMap::load_page(std::uint64_t number, std::span<const std::byte> bytes) {
    if (std::ranges::all_of(bytes, [](std::byte byte) { return byte == std::byte{0}; })) return;
    pages_[number] = std::make_unique<Page>();
    std::ranges::copy(bytes, pages_[number]->begin());
}

}  // namespace ring3
