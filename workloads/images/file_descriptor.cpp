// SPDX-License-Identifier: MIT
#include "workloads/images/file_descriptor.hpp"

#include <array>
#include <cerrno>
#include <system_error>

namespace ring3 {

std::string read_all(int descriptor) {
    std::string text;
    std::array<char, 65536> buffer;
    for (;;) {
        const ssize_t got = ::read(descriptor, buffer.data(), buffer.size());
        if (got == 0) return text;
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) throw std::system_error{errno, std::generic_category(), "read"};
        text.append(buffer.data(), static_cast<std::size_t>(got));
    }
}

}  // namespace ring3
