// SPDX-License-Identifier: MIT
// Makes a disk from what a config says of it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "hv/io/block/disk.hpp"
#include "hv/io/block/host_io.hpp"
#include "hv/io/block/image_file.hpp"

namespace ring3 {

struct DiskSource {
    enum class Kind : std::uint8_t { file, overlay, memory };
    Kind kind = Kind::file;
    Sharing sharing = Sharing::read_only;
    /// The file or block device; of an overlay its base, which is only read.
    std::string path{};
    /// Where an overlay is kept; empty: it is gone with the guest.
    std::string overlay_path{};
    /// Where what is gone with the guest is until then.
    std::string temporary_folder = "/var/tmp";
    /// Of a disk in memory, a multiple of 512.
    std::uint64_t bytes = 0;
};

/// Throws ConfigError or EnvironmentError. `notes` gets what the user should know.
std::shared_ptr<Disk> open_disk(const DiskSource& source, HostIo& io,
                                std::vector<std::string>& notes);

}  // namespace ring3
