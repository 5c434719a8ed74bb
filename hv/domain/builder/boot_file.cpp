// SPDX-License-Identifier: MIT
#include "hv/domain/builder/boot_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>

#include <fmt/format.h>

#include "hv/base/errors.hpp"

namespace ring3 {
namespace {

constexpr std::uint64_t largest_file = std::uint64_t{4} << 30;

class File {
public:
    // O_NONBLOCK: opening a FIFO must not wait for a writer. It changes nothing for files.
    explicit File(const std::string& path)
        : descriptor_(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {}
    ~File() {
        if (descriptor_ >= 0) close(descriptor_);
    }
    File(const File&) = delete;
    File& operator=(const File&) = delete;
    int descriptor() const { return descriptor_; }

private:
    int descriptor_;
};

}  // namespace

std::vector<std::byte> read_boot_file(const std::string& path, std::string_view what) {
    const auto unreadable = [&](int error) {
        return EnvironmentError(
            fmt::format("{}: the {} cannot be read: {}", path, what, std::strerror(error)));
    };
    const File file(path);
    struct stat status {};
    if (file.descriptor() < 0 || fstat(file.descriptor(), &status) != 0) throw unreadable(errno);
    if (!S_ISREG(status.st_mode)) {
        throw ConfigError(fmt::format("{}: the {} must be an ordinary file", path, what));
    }
    const auto size = static_cast<std::uint64_t>(status.st_size);
    if (size == 0) throw ConfigError(fmt::format("{}: the {} is an empty file", path, what));
    if (size > largest_file) {
        throw ConfigError(
            fmt::format("{}: the {} has {} MiB; at most 4096 are read", path, what, size >> 20));
    }

    std::vector<std::byte> bytes(size);
    std::size_t used = 0;
    while (used < bytes.size()) {
        const ssize_t n = read(file.descriptor(), bytes.data() + used, bytes.size() - used);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) throw unreadable(errno);
        if (n == 0) {
            throw EnvironmentError(
                fmt::format("{}: the {} became shorter while it was read; try again", path, what));
        }
        used += static_cast<std::size_t>(n);
    }
    return bytes;
}

}  // namespace ring3
