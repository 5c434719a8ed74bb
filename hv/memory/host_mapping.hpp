// SPDX-License-Identifier: MIT
// Host memory that is reserved at once and populated on first touch.
#pragma once

#include <cstddef>
#include <cstdint>

namespace ring3 {

/// A range of zeroed host memory, of a memory file (so that parts of it can be mapped again
/// elsewhere).
class HostMapping {
public:
    /// Throws std::system_error when the host refuses.
    HostMapping(const char* name, std::uint64_t bytes);
    ~HostMapping();
    HostMapping(const HostMapping&) = delete;
    HostMapping& operator=(const HostMapping&) = delete;

    std::byte* data() const { return data_; }
    int file() const { return file_; }
    /// Zeroes a range (multiples of the page size) and gives its memory back to the host.
    void discard(std::uint64_t offset, std::uint64_t bytes);

private:
    std::uint64_t bytes_;
    int file_ = -1;
    std::byte* data_ = nullptr;
};

}  // namespace ring3
