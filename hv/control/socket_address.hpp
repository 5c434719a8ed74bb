// SPDX-License-Identifier: MIT
// The address of a socket that has a file's name.
#pragma once

#include <cstring>
#include <string>

#include <sys/socket.h>
#include <sys/un.h>

#include <fmt/format.h>

#include "hv/base/errors.hpp"

namespace ring3 {

/// Throws EnvironmentError for a path that is too long for one.
inline sockaddr_un socket_address(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path)
        throw EnvironmentError{
            fmt::format("{} is too long for a socket's name, which takes {} "
                        "letters; XDG_RUNTIME_DIR says where it is",
                        path, sizeof address.sun_path - 1)};
    std::memcpy(address.sun_path, path.c_str(), path.size());
    return address;
}

}  // namespace ring3
