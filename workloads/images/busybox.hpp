// SPDX-License-Identifier: MIT
// The program busybox of Debian's package busybox-static: the tools of a small guest in one file.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace ring3 {

constexpr const char* busybox_package = "busybox-static";

/// The program itself, out of the package's file.
std::string busybox_of(const std::filesystem::path& deb);

/// The places, as "usr/bin/awk", at which its tools are expected, sorted. Asks the program.
std::vector<std::string> busybox_tools(const std::string& busybox);

}  // namespace ring3
