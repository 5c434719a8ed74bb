// SPDX-License-Identifier: MIT
// A file or block device of the host that holds a disk: opened after checking what it is, and
// locked, so that no two domains spoil each other's file systems, in this process or in another.
#pragma once

#include <cstdint>
#include <string>

namespace ring3 {

/// How a disk's file may be used beside this user (xl's r, w and w!).
enum class Sharing : std::uint8_t {
    read_only,       ///< by any number who read, or share
    exclusive,       ///< by nobody else
    shared_writing,  ///< by any number who share, or read; the guests must know what they do
};

class ImageFile final {
public:
    /// Throws EnvironmentError or ConfigError, with the path and what is wrong.
    ImageFile(const std::string& path, Sharing sharing);
    /// A nameless file in `folder` that is gone with this object.
    static ImageFile temporary(const std::string& folder);
    /// A new file, locked for this user; refuses one that exists.
    static ImageFile create(const std::string& path);
    ~ImageFile();
    ImageFile(ImageFile&& other) noexcept;
    ImageFile& operator=(ImageFile&&) = delete;

    int descriptor() const { return descriptor_; }
    const std::string& path() const { return path_; }
    bool is_block_device() const { return is_block_device_; }
    std::uint64_t bytes() const { return bytes_; }
    /// When it was last written to, in nanoseconds since 1970.
    std::int64_t modified_ns() const { return modified_ns_; }
    std::uint32_t physical_sector() const { return physical_sector_; }

private:
    ImageFile() = default;
    void look(Sharing sharing);
    void lock(Sharing sharing);

    std::string path_;
    int descriptor_ = -1;
    bool is_block_device_ = false;
    std::uint64_t bytes_ = 0;
    std::int64_t modified_ns_ = 0;
    std::uint32_t physical_sector_ = 512;
};

}  // namespace ring3
