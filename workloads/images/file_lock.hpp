// SPDX-License-Identifier: MIT
// A lock between processes: held as long as this object, or a child that it started, lives. The
// host releases it however its holders end.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>

#include "workloads/images/file_descriptor.hpp"

namespace ring3 {

class FileLock final {
public:
    /// Waits for the lock; calls `busy` once if it has to wait.
    FileLock(const std::filesystem::path& file, const std::function<void()>& busy);

    /// The lock, if nobody holds it.
    static std::optional<FileLock> try_lock(const std::filesystem::path& file);

private:
    explicit FileLock(FileDescriptor file) : file_{std::move(file)} {}

    FileDescriptor file_;
};

}  // namespace ring3
