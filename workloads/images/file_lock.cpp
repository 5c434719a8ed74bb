// SPDX-License-Identifier: MIT
#include "workloads/images/file_lock.hpp"

#include <cerrno>
#include <system_error>

#include <fcntl.h>
#include <sys/file.h>

namespace ring3 {
namespace {

// Without O_CLOEXEC, on purpose: a tool that outlives its killed parent still writes into the
// folder which the lock guards, and goes on holding it.
FileDescriptor open_lock(const std::filesystem::path& file) {
    FileDescriptor descriptor{::open(file.c_str(), O_RDWR | O_CREAT, 0666)};
    if (!descriptor.is_open())
        throw std::system_error{errno, std::generic_category(), "cannot open " + file.string()};
    return descriptor;
}

/// Whether the lock was taken; false only for LOCK_NB and a lock that is held elsewhere.
bool lock(const FileDescriptor& file, int operation) {
    while (::flock(file.raw(), operation) < 0) {
        if (errno == EWOULDBLOCK) return false;
        if (errno != EINTR) throw std::system_error{errno, std::generic_category(), "flock"};
    }
    return true;
}

}  // namespace

FileLock::FileLock(const std::filesystem::path& file, const std::function<void()>& busy)
    : file_{open_lock(file)} {
    if (lock(file_, LOCK_EX | LOCK_NB)) return;
    busy();
    lock(file_, LOCK_EX);
}

std::optional<FileLock> FileLock::try_lock(const std::filesystem::path& file) {
    FileDescriptor descriptor = open_lock(file);
    if (!lock(descriptor, LOCK_EX | LOCK_NB)) return std::nullopt;
    return FileLock{std::move(descriptor)};
}

}  // namespace ring3
