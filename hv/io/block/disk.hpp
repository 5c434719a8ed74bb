// SPDX-License-Identifier: MIT
// What stands behind a guest's block device: a file, a copy-on-write overlay, memory. Opened once
// for a guest and kept over its reboots.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "hv/io/block/file_operation.hpp"

namespace ring3 {

class Disk {
public:
    /// 0 or an errno of the host.
    using Done = std::function<void(int error)>;

    struct Properties {
        std::uint64_t bytes = 0;  ///< a multiple of 512
        bool is_writable = false;
        std::uint32_t physical_sector = 512;
        /// In bytes; zero: the disk cannot discard.
        std::uint32_t discard_granularity = 0;
    };

    virtual ~Disk() = default;
    Disk() = default;
    Disk(const Disk&) = delete;
    Disk& operator=(const Disk&) = delete;

    virtual const Properties& properties() const = 0;
    /// "file:/path" and the like, for people.
    virtual std::string description() const = 0;

    /// The rest starts an operation and calls `done` once, from inside or later. Offsets and
    /// lengths are multiples of 512 and lie on the disk; the disk is writable where that matters.
    /// Operations that overlap in time may happen in any order; the memory of the pieces stays.
    virtual void read(std::uint64_t offset, Pieces pieces, Done done) = 0;
    virtual void write(std::uint64_t offset, Pieces pieces, Done done) = 0;
    /// What was written by operations that are done survives the end of this process and of the
    /// host from then on.
    virtual void flush(Done done) = 0;
    virtual void discard(std::uint64_t offset, std::uint64_t length, Done done) = 0;
    /// Waits until everything started is done.
    virtual void wait_for_all() = 0;
};

}  // namespace ring3
