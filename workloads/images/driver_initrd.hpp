// SPDX-License-Identifier: MIT
// The initrd that goes with a modular kernel: it loads the drivers of Xen's disks and networks,
// mounts the root file system that the kernel's command line names, and gives its place to that
// one's init. For guests whose own disk has an initrd for other devices, or none.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace ring3 {

/// Writes it: `modules_tar` is the file `modules` of a kernel image, `busybox` the program.
void write_driver_initrd(const std::filesystem::path& modules_tar, const std::string& busybox,
                         const std::filesystem::path& output);

/// The modules that it loads.
const std::vector<std::string>& driver_initrd_modules();

/// What decides its bytes besides these two.
std::string driver_initrd_text();

}  // namespace ring3
