// SPDX-License-Identifier: MIT
#include "hv/io/store/path.hpp"

#include <algorithm>

namespace ring3::store {
namespace {

/// Not std::isalnum: it depends on the host's locale.
bool is_allowed(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '/' || c == '_' || c == '@';
}

}  // namespace

bool is_valid_path(std::string_view path) {
    if (path == "/") return true;
    const std::size_t longest =
        path.starts_with('/') ? longest_absolute_path : longest_relative_path;
    return !path.empty() && path.size() <= longest && !path.ends_with('/') &&
           path.find("//") == std::string_view::npos &&
           std::all_of(path.begin(), path.end(), is_allowed);
}

std::size_t home_prefix(std::string_view path) {
    constexpr std::string_view homes = "/local/domain/";
    if (!path.starts_with(homes)) return 0;
    const std::size_t end = path.find_first_not_of("0123456789", homes.size());
    return end != std::string_view::npos && end > homes.size() && path[end] == '/' ? end + 1 : 0;
}

bool is_below(std::string_view path, std::string_view above) {
    if (above == "/") return path.size() > 1 && path.starts_with('/');
    return path.size() > above.size() && path.starts_with(above) && path[above.size()] == '/';
}

}  // namespace ring3::store
