// SPDX-License-Identifier: MIT
// The memory of all frames: reserved at once, populated on first touch.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "hv/memory/huge_page.hpp"

namespace ring3 {

/// A range of zeroed host memory. It is a file without a name, so that frames can be mapped at
/// further places.
class MachineMemory {
public:
    /// Throws std::system_error when the host refuses.
    explicit MachineMemory(std::uint64_t bytes);
    ~MachineMemory();
    MachineMemory(const MachineMemory&) = delete;
    MachineMemory& operator=(const MachineMemory&) = delete;

    std::byte* data() const { return range_.start(); }
    bool contains(const std::byte* host) const { return host >= data() && host < data() + bytes_; }
    /// Says that this byte will be used, and probably others around it: its surroundings are
    /// populated in one step, at half the cost of doing so page by page.
    void expect_use(std::uint64_t offset) {
        if (!populated_[offset / huge_page_size]) populate(offset / huge_page_size);
    }
    /// Zeroes a range (multiples of the page size) and gives its memory back to the host.
    void discard(std::uint64_t offset, std::uint64_t bytes);
    /// Maps `bytes` from `host` (in this range) at the address `place` as well, in place of
    /// what is there; false: the host refuses.
    bool map_also(const std::byte* host, std::uint64_t bytes, bool writable,
                  std::byte* place) const;

private:
    void populate(std::uint64_t index);

    std::uint64_t bytes_;
    HugeRange range_;
    int file_ = -1;
    std::vector<bool> populated_;
};

}  // namespace ring3
