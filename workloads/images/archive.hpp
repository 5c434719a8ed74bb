// SPDX-License-Identifier: MIT
// Archives through libarchive: reading whatever it knows, writing tar and cpio whose bytes depend
// on what was put in and on nothing else (no time, no owner, no inode of the host).
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

struct archive;
struct archive_entry;

namespace ring3 {

/// Goes through an archive once, from its first entry to its last. EnvironmentError if it is
/// damaged.
class ArchiveReader final {
public:
    explicit ArchiveReader(int descriptor);
    explicit ArchiveReader(const std::filesystem::path& file);
    ~ArchiveReader();
    ArchiveReader(const ArchiveReader&) = delete;
    ArchiveReader& operator=(const ArchiveReader&) = delete;

    /// Moves to the next entry; false behind the last one.
    bool next();

    /// The entry's name, without "./" before and "/" behind.
    const std::string& path() const { return path_; }
    bool is_file() const;
    std::int64_t size() const;
    /// The content of a file. Once per entry.
    std::string content();

private:
    friend class ArchiveWriter;
    struct Free {
        void operator()(archive* reader) const;
    };
    void check(int result) const;

    std::string name_;
    std::unique_ptr<archive, Free> archive_;
    archive_entry* entry_ = nullptr;  // libarchive's own, good until the next entry
    std::string path_;
};

/// The content of a file that may be compressed (xz, zstd, gzip, ...), from memory.
std::string decompress(const std::string& name, std::string_view bytes);

class ArchiveWriter final {
public:
    enum class Format { tar, tar_zstd, cpio_newc };

    ArchiveWriter(const std::filesystem::path& file, Format format);
    ~ArchiveWriter();
    ArchiveWriter(const ArchiveWriter&) = delete;
    ArchiveWriter& operator=(const ArchiveWriter&) = delete;

    void add_directory(const std::string& path, unsigned permissions = 0755);
    void add_file(const std::string& path, std::string_view content, unsigned permissions = 0644);
    void add_symlink(const std::string& path, const std::string& target);
    void add_character_device(const std::string& path, unsigned major, unsigned minor,
                              unsigned permissions);
    /// The reader's present entry under the name `path`, as it is but for time and owner.
    void add_copy(const std::string& path, ArchiveReader& reader);
    /// Must be called once all is in; std::system_error if the disk is full.
    void close();

private:
    struct Free {
        void operator()(archive* writer) const;
    };
    void put(archive_entry* entry, std::string_view content);
    void check(int result) const;

    std::string name_;
    std::unique_ptr<archive, Free> archive_;
};

}  // namespace ring3
