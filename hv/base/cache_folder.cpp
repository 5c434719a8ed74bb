// SPDX-License-Identifier: MIT
#include "hv/base/cache_folder.hpp"

#include <cerrno>
#include <cstdlib>
#include <optional>
#include <system_error>

#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

#include "hv/base/errors.hpp"

namespace ring3 {
namespace {

namespace fs = std::filesystem;

/// A value of the environment that names an absolute path (the XDG specification says to ignore
/// others), or nothing.
std::optional<fs::path> absolute_path_in(const char* variable) {
    const char* value = std::getenv(variable);
    if (value == nullptr || value[0] != '/') return std::nullopt;
    return fs::path{value};
}

/// A folder of this user in /tmp, where anybody may have made one of that name before.
fs::path private_temporary_root() {
    const fs::path path = fmt::format("/tmp/ring3-{}", ::geteuid());
    if (::mkdir(path.c_str(), 0700) < 0 && errno != EEXIST)
        throw std::system_error{errno, std::generic_category(), "cannot make " + path.string()};
    struct stat status;
    if (::lstat(path.c_str(), &status) < 0)
        throw std::system_error{errno, std::generic_category(), path.string()};
    if (!S_ISDIR(status.st_mode) || status.st_uid != ::geteuid() || (status.st_mode & 077) != 0)
        throw EnvironmentError{fmt::format(
            "{} is not a folder of this user alone, and neither HOME nor XDG_CACHE_HOME "
            "says where files may be kept: set XDG_CACHE_HOME",
            path.string())};
    return path;
}

}  // namespace

fs::path cache_folder() {
    if (const auto cache = absolute_path_in("XDG_CACHE_HOME")) return *cache / "ring3";
    if (const auto home = absolute_path_in("HOME")) return *home / ".cache" / "ring3";
    return private_temporary_root();
}

}  // namespace ring3
