// SPDX-License-Identifier: MIT
// A guest's first file system: a tree put together here and written as the cpio archive that Linux
// unpacks at its start. Not compressed: a guest would spend more on unpacking than the host saves.
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "workloads/images/archive.hpp"

namespace ring3 {

class Initramfs final {
public:
    void add_directory(const std::string& path, unsigned permissions = 0755);
    void add_file(const std::string& path, std::string content, unsigned permissions = 0644);
    void add_program(const std::string& path, std::string content) {
        add_file(path, std::move(content), 0755);
    }
    void add_symlink(const std::string& path, std::string target);
    void add_character_device(const std::string& path, unsigned major, unsigned minor,
                              unsigned permissions);

    /// Writes the archive: in the order of names, all owned by root, at the epoch.
    void write(const std::filesystem::path& file) const;
    /// The same as a tar, to be laid over a tree that is on a disk.
    void write_tar(const std::filesystem::path& file) const;

private:
    enum class Kind { directory, file, symlink, character_device };
    struct Node {
        Kind kind = Kind::directory;
        unsigned permissions = 0755;
        std::string content;  // of a file; the target of a symlink
        unsigned major = 0, minor = 0;
    };
    void put(const std::string& path, Node node);
    void write_to(ArchiveWriter&& archive) const;

    // Holds the directories above each path as well. Its order puts a directory before what is in
    // it.
    std::map<std::string, Node> nodes_;
};

}  // namespace ring3
