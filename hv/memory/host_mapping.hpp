// SPDX-License-Identifier: MIT
// Host memory that is reserved at once and populated on first touch.
#pragma once

#include <cstddef>
#include <cstdint>

namespace ring3 {

/// A range of zeroed host memory, in huge pages where the host has them.
class HostMapping {
public:
    /// Throws std::system_error when the host refuses.
    explicit HostMapping(std::uint64_t bytes);
    ~HostMapping();
    HostMapping(const HostMapping&) = delete;
    HostMapping& operator=(const HostMapping&) = delete;

    std::byte* data() const { return data_; }
    /// Zeroes a range (multiples of the page size) and gives its memory back to the host.
    void discard(std::uint64_t offset, std::uint64_t bytes);

private:
    std::uint64_t bytes_;
    std::byte* data_ = nullptr;
};

}  // namespace ring3
