// SPDX-License-Identifier: MIT
// One bit for each sector of a disk, in pages as they stand in an overlay's file; a page without a
// bit set takes no memory.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <set>
#include <span>
#include <utility>
#include <vector>

namespace ring3 {

class SectorMap {
public:
    static constexpr std::uint64_t page_bytes = 4096;
    static constexpr std::uint64_t sectors_per_page = page_bytes * 8;

    explicit SectorMap(std::uint64_t sectors)
        : pages_((sectors + sectors_per_page - 1) / sectors_per_page) {}

    std::uint64_t page_count() const { return pages_.size(); }

    struct Run {
        bool is_set;
        std::uint64_t sectors;
    };
    /// How many sectors from `first` on, `most` at most, have the same bit.
    Run run_at(std::uint64_t first, std::uint64_t most) const;
    void set(std::uint64_t first, std::uint64_t count);

    /// For the file. A page that was never set is all zeroes.
    std::span<const std::byte> page(std::uint64_t number) const;
    void load_page(std::uint64_t number, std::span<const std::byte> bytes);
    /// Pages with bits set since the last call.
    std::set<std::uint64_t> take_changed() { return std::exchange(changed_, {}); }
    void mark_changed(std::uint64_t page) { changed_.insert(page); }

private:
    using Page = std::array<std::byte, page_bytes>;

    bool test(std::uint64_t sector) const;

    std::vector<std::unique_ptr<Page>> pages_;
    std::set<std::uint64_t> changed_;
};

}  // namespace ring3
