// SPDX-License-Identifier: MIT
// The disks of a domain's config: xl-disk-configuration(5), read by Xen's own parser, and the
// targets that only ring3 knows:
//
//   overlay:BASE[:FILE]  reads come from BASE, which is never written; writes go to FILE, or away
//                        with the domain
//   memory:SIZE          zeroes in memory: memory:64M
//   image:NAME/FILE      a file of an image; where it is to be written, an overlay over it
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "hv/io/block/open_disk.hpp"

namespace ring3 {

struct DiskSpec {
    std::string vdev;          ///< as the guest names it: "xvda", "xvdb1"
    std::uint32_t number = 0;  ///< as the protocol names it: 51712
    /// Paths as the config names them ("image:debian/root.img" too).
    DiskSource source;
    bool is_cdrom = false;
    bool offers_discard = true;
    /// "hda1", when the config named it so; empty otherwise.
    std::string old_name{};
};

/// One string of the list `disk`. Throws ConfigError without a place. `notes` gets what the user
/// should be told.
DiskSpec parse_disk(const std::string& text, std::vector<std::string>& notes);

/// "xvda1", and the names of IDE and SCSI disks, which become Xen's; a number, as old configs have
/// it. Nothing for what names no disk.
struct VirtualDevice {
    std::string name;
    std::uint32_t number = 0;
    std::string old_name{};
};
std::optional<VirtualDevice> parse_vdev(std::string_view text);

/// A command line whose root=/dev/hda1 is one of these disks under its old name: with the new name.
std::string rename_root(const std::string& command_line, const std::vector<DiskSpec>& disks);

}  // namespace ring3
