// SPDX-License-Identifier: MIT
// Memory in the host's huge pages: each small page more in use is a place less in the host's TLB.
#pragma once

#include <cstddef>
#include <cstdint>

namespace ring3 {

constexpr std::uint64_t huge_page_size = std::uint64_t{2} << 20;

/// Closed addresses that begin at a multiple of huge_page_size: what is mapped over them can be
/// huge pages. Given back when it ends, with what is mapped there by then.
class HugeRange {
public:
    /// Throws std::system_error when the host refuses.
    explicit HugeRange(std::uint64_t bytes);
    ~HugeRange();
    HugeRange(const HugeRange&) = delete;
    HugeRange& operator=(const HugeRange&) = delete;

    std::byte* start() const { return start_; }

private:
    std::uint64_t reserved_bytes_;
    std::byte* reserved_ = nullptr;
    std::byte* start_ = nullptr;
};

/// Takes the host's memory for a range that can be stored to, of huge_page_size at most: as one
/// huge page where the host lets it, whatever its settings say (Linux 6.1), else page by page.
void take_huge_page(std::byte* start, std::uint64_t bytes);

}  // namespace ring3
