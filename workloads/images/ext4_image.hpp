// SPDX-License-Identifier: MIT
// A file system in a file: ext4, with the tree that a tar holds. No privilege is needed, since
// nothing is mounted, and nothing of the host gets in: owners, modes and times are the tar's.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace ring3 {

struct Ext4Options {
    std::string label;
    std::string uuid;
    std::uint64_t size_bytes = 0;
    std::uint64_t journal_mib = 0;
    std::uint64_t inodes = 0;
    std::int64_t made_at_s = 0;  // seconds since 1970: when it claims to have been made
};

/// Makes `image`, a sparse file. The tools of e2fsprogs that do it are those of the tree itself, so
/// that a host's version does not decide the bytes; `scratch` is an empty directory for them, on a
/// file system from which programs may be run.
void write_ext4_image(const std::filesystem::path& tar, const std::filesystem::path& image,
                      const Ext4Options& options, const std::filesystem::path& scratch);

}  // namespace ring3
