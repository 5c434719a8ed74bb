// SPDX-License-Identifier: MIT
// Reads the files that a domain boots from.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace ring3 {

/// The whole file. `what` ("kernel", "initrd") and the path stand in the messages. Throws
/// EnvironmentError when it cannot be read, and ConfigError when it is no file to boot from: a
/// directory, empty, or larger than 4 GiB.
std::vector<std::byte> read_boot_file(const std::string& path, std::string_view what);

}  // namespace ring3
