// SPDX-License-Identifier: MIT
// A disk that is a file or a block device of the host, byte for byte. The file may be sparse.
#pragma once

#include <cstdint>
#include <string>

#include "hv/io/block/disk.hpp"
#include "hv/io/block/host_io.hpp"
#include "hv/io/block/image_file.hpp"

namespace ring3 {

class RawDisk final : public Disk {
public:
    /// The file has at least one sector. What is no whole sector at its end, no guest sees.
    RawDisk(ImageFile file, Sharing sharing, HostIo& io);
    ~RawDisk() override { io_.wait_for_all(); }

    const Properties& properties() const override { return properties_; }
    std::string description() const override;

    void read(std::uint64_t offset, Pieces pieces, Done done) override;
    void write(std::uint64_t offset, Pieces pieces, Done done) override;
    void flush(Done done) override;
    void discard(std::uint64_t offset, std::uint64_t length, Done done) override;
    void wait_for_all() override { io_.wait_for_all(); }

private:
    const ImageFile file_;
    HostIo& io_;
    Properties properties_;
};

}  // namespace ring3
