// SPDX-License-Identifier: MIT
// The tree that an image was made from, unpacked on the host once for each of the image's builds.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace ring3::experiment {

/// `archive` is a file of an image in the store: the name of its folder is the hash of the image's
/// manifest, and becomes the name of the tree. Unpacks it if it is not there.
std::filesystem::path native_tree(const std::filesystem::path& archive);

/// The words before a command that has processes, mounts and (for ordinary users) users of its own.
std::vector<std::string> in_namespaces();

}  // namespace ring3::experiment
