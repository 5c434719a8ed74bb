// SPDX-License-Identifier: MIT
// The root file system of a Debian system, as a tar: packages installed by mmdebstrap, which runs
// their maintainer scripts as root, or in a user namespace where we are not root. Either gives the
// same bytes.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>

#include "workloads/images/initramfs.hpp"

namespace ring3 {

struct DebianTree {
    std::map<std::string, std::filesystem::path> packages;  // all that are installed, by name
    Initramfs files;                                        // laid over the installed tree
    std::string script;          // run by sh as root in the tree, when all is there
    std::int64_t made_at_s = 0;  // no file is newer than this; seconds since 1970
};

/// Makes the tar. `scratch` is an empty directory that everybody may read: in a user namespace
/// the files of this user are a stranger's.
void write_debian_tree(const DebianTree& tree, const std::filesystem::path& tar,
                       const std::filesystem::path& scratch);

/// One line for each file: mode, owner, group, size, SHA-256 or the link's target, path.
std::string list_tree(const std::filesystem::path& tar);

}  // namespace ring3
