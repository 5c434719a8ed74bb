// SPDX-License-Identifier: MIT
// The files of one built image on the disk: taking their measure, and checking them against it.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "workloads/images/manifest.hpp"

namespace ring3 {

/// Size and SHA-256 of each of the named files in `directory`.
std::map<std::string, Manifest::File> measure(const std::filesystem::path& directory,
                                              const std::vector<std::string>& files);

/// The manifest of a built image, if its bytes still have the hash that its directory's name gives.
/// EnvironmentError saying what is wrong otherwise.
Manifest read_manifest(const std::filesystem::path& directory);

/// What is wrong with the files of a built image; empty if nothing is. Reads all of them once;
/// after that, as long as each keeps its size, times and inode, only asks the host for these.
std::string find_damage(const std::filesystem::path& directory, const Manifest& manifest);

/// Writes a file and waits until the disk has it.
void write_durably(const std::filesystem::path& file, const std::string& content);

/// Waits until the disk has what was written to a file, or the names in a directory.
void flush_to_disk(const std::filesystem::path& path);

}  // namespace ring3
