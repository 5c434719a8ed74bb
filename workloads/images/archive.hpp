// SPDX-License-Identifier: MIT
// Archives through libarchive: reading whatever it knows, writing tar and cpio whose bytes depend
// on what was put in and on nothing else (no time, no owner, no inode of the host).
#pragma once

#include <cstdint>
#include <filesystem>
#include <iosfwd>
#include <memory>
#include <string>
#include <string_view>

struct archive;
struct archive_entry;

namespace ring3 {

/// What an archive says of one entry.
struct ArchiveEntry {
    enum class Kind { file, directory, symlink, hard_link, character_device, block_device, fifo };
    Kind kind = Kind::file;
    std::string path;    // without "./" before and "/" behind
    std::string target;  // of a link; of a hard link in the form of `path`
    unsigned permissions = 0;
    std::int64_t uid = 0, gid = 0;
    std::int64_t changed_at_s = 0;       // since 1970
    std::uint64_t major = 0, minor = 0;  // of a device
};

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
    /// EnvironmentError for what is none of the kinds.
    ArchiveEntry entry() const;
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

/// Writes `file`, compressed by zstd, as `output`.
void compress_file(const std::filesystem::path& file, const std::filesystem::path& output);

class ArchiveWriter final {
public:
    /// raw_zstd: one stream of bytes and no names.
    enum class Format { tar, tar_zstd, cpio_newc, raw_zstd };

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
    /// The content of a raw_zstd file.
    void add_stream(std::istream& input);
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
