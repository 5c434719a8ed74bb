// SPDX-License-Identifier: MIT
// A disk of zeroes in the host's memory, gone with the guest. Pages come with the first store.
#pragma once

#include <cstdint>
#include <string>

#include "hv/io/block/disk.hpp"

namespace ring3 {

class MemoryDisk final : public Disk {
public:
    /// `bytes` is a multiple of 512, and not zero. Throws EnvironmentError.
    explicit MemoryDisk(std::uint64_t bytes);
    ~MemoryDisk() override;

    const Properties& properties() const override { return properties_; }
    std::string description() const override;

    void read(std::uint64_t offset, Pieces pieces, Done done) override;
    void write(std::uint64_t offset, Pieces pieces, Done done) override;
    void flush(Done done) override { done(0); }
    void discard(std::uint64_t offset, std::uint64_t length, Done done) override;
    void wait_for_all() override {}

private:
    Properties properties_;
    /// A memory file and not a mapping: when the host has no memory left, a write to it fails, and
    /// a store would end the process.
    int file_;
};

}  // namespace ring3
