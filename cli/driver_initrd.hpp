// SPDX-License-Identifier: MIT
// The initrd for a kernel whose drivers of disks and networks are modules, where a config names
// none: the one that ring3's images of Debian kernels have.
#pragma once

#include <optional>
#include <string>

namespace ring3 {

/// "image:debian-cloud/initrd" for a kernel of that image, or a file of the same release. Nothing
/// for kernels that ring3 has no modules of.
std::optional<std::string> driver_initrd_of(const std::string& kernel);

}  // namespace ring3
