// SPDX-License-Identifier: MIT
#include "hv/io/block/image_file.hpp"

#include <cerrno>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

#include "hv/base/errors.hpp"

namespace ring3 {
namespace {

[[noreturn]] void fail_with(const std::string& path, const char* what, int error) {
    throw EnvironmentError(fmt::format("{}: {}: {}", path, what, std::strerror(error)));
}

/// What the path names, before it is opened: opening a FIFO or a tape has effects of its own.
void check_kind(const std::string& path) {
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0) fail_with(path, "the disk cannot be opened", errno);
    if (S_ISREG(status.st_mode) || S_ISBLK(status.st_mode)) return;
    throw ConfigError(
        fmt::format("{}: {}; a disk is a file or a block device", path,
                    S_ISDIR(status.st_mode) ? "this is a directory" : "this is no disk"));
}

}  // namespace

ImageFile::ImageFile(const std::string& path, Sharing sharing) : path_(path) {
    check_kind(path);
    const bool writes = sharing != Sharing::read_only;
    struct stat status {};
    const bool is_device = ::stat(path.c_str(), &status) == 0 && S_ISBLK(status.st_mode);
    // O_EXCL on a block device: EBUSY when the host has it mounted.
    const int exclusive = is_device && sharing == Sharing::exclusive ? O_EXCL : 0;
    descriptor_ = ::open(path.c_str(), (writes ? O_RDWR : O_RDONLY) | O_CLOEXEC | exclusive);
    if (descriptor_ < 0) {
        const int error = errno;
        if (writes && (error == EACCES || error == EROFS || error == EPERM) &&
            ::access(path.c_str(), R_OK) == 0)
            throw EnvironmentError(fmt::format(
                "{}: the disk cannot be written to ({}); give it to the domain with r instead of "
                "w, or put an overlay over it: overlay:{}",
                path, std::strerror(error), path));
        if (error == EBUSY)
            throw EnvironmentError(
                fmt::format("{}: the host itself uses this block device (is it mounted?)", path));
        fail_with(path, "the disk cannot be opened", error);
    }
    try {
        look(sharing);
        lock(sharing);
    } catch (...) {
        ::close(descriptor_);
        throw;
    }
}

ImageFile ImageFile::temporary(const std::string& folder) {
    ImageFile file;
    file.path_ = folder + "/(a nameless file)";
    file.descriptor_ = ::open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (file.descriptor_ < 0)
        fail_with(folder, "cannot make a file for what an overlay's guest writes", errno);
    return file;
}

ImageFile ImageFile::create(const std::string& path) {
    ImageFile file;
    file.path_ = path;
    file.descriptor_ = ::open(path.c_str(), O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0666);
    if (file.descriptor_ < 0) fail_with(path, "cannot make the overlay", errno);
    file.lock(Sharing::exclusive);
    return file;
}

ImageFile::ImageFile(ImageFile&& other) noexcept
    : path_(std::move(other.path_)),
      descriptor_(std::exchange(other.descriptor_, -1)),
      is_block_device_(other.is_block_device_),
      bytes_(other.bytes_),
      modified_ns_(other.modified_ns_),
      physical_sector_(other.physical_sector_) {}

ImageFile::~ImageFile() {
    if (descriptor_ >= 0) ::close(descriptor_);
}

void ImageFile::look(Sharing sharing) {
    struct stat status {};
    if (::fstat(descriptor_, &status) != 0) fail_with(path_, "the disk cannot be looked at", errno);
    is_block_device_ = S_ISBLK(status.st_mode);
    bytes_ = static_cast<std::uint64_t>(status.st_size);
    modified_ns_ = std::int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec;
    if (!is_block_device_) return;
    unsigned int physical = 512;
    int is_read_only = 0;
    if (::ioctl(descriptor_, BLKGETSIZE64, &bytes_) != 0 ||
        ::ioctl(descriptor_, BLKPBSZGET, &physical) != 0 ||
        ::ioctl(descriptor_, BLKROGET, &is_read_only) != 0)
        fail_with(path_, "the block device does not say what it is", errno);
    physical_sector_ = physical;
    if (is_read_only != 0 && sharing != Sharing::read_only)
        throw EnvironmentError(fmt::format("{}: the block device is read-only", path_));
}

/// Locks of open files, not of processes: two machines in one process keep each other out, too.
void ImageFile::lock(Sharing sharing) {
    struct flock whole {};
    // Who writes for himself shares with nobody; all others share among themselves.
    whole.l_type = sharing == Sharing::exclusive ? F_WRLCK : F_RDLCK;
    whole.l_whence = SEEK_SET;
    if (::fcntl(descriptor_, F_OFD_SETLK, &whole) == 0) return;
    if (errno != EAGAIN && errno != EACCES) fail_with(path_, "the disk cannot be locked", errno);
    throw EnvironmentError(
        fmt::format("{}: another domain {} this disk{}", path_,
                    sharing == Sharing::exclusive ? "uses" : "writes to",
                    sharing == Sharing::exclusive
                        ? "; domains can share one that all of them open with r, or with w! if "
                          "their file system is made for that"
                        : ""));
}

}  // namespace ring3
