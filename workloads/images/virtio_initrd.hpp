// SPDX-License-Identifier: MIT
// The initrd of a kernel image for machines whose disks are virtio's: the same archive with one
// behind it, which brings those drivers and a first process that loads them.
#pragma once

#include <filesystem>
#include <string>

namespace ring3 {

/// The kernel's command line must say rdinit= this.
inline constexpr const char* virtio_first_process = "/init-virtio";

/// `initrd` and `modules_tar` are the files of a kernel image.
void write_virtio_initrd(const std::filesystem::path& initrd,
                         const std::filesystem::path& modules_tar,
                         const std::filesystem::path& output);

}  // namespace ring3
