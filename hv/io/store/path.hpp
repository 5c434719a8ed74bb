// SPDX-License-Identifier: MIT
// Names in the store: what a path may look like, and how one lies in another.
#pragma once

#include <cstddef>
#include <string_view>

namespace ring3::store {

/// Longest absolute and relative paths (xs_wire.h: XENSTORE_ABS_PATH_MAX, XENSTORE_REL_PATH_MAX).
constexpr std::size_t longest_absolute_path = 3072;
constexpr std::size_t longest_relative_path = 2048;

/// "/", "/a/b", "a/b": letters, digits and -/_@ only, no empty name, no '/' at the end.
bool is_valid_path(std::string_view path);
/// How long the "/local/domain/N/" is with which an absolute path begins; 0 when it does not.
std::size_t home_prefix(std::string_view path);
/// Is `path` below `above`? Not when they are equal.
bool is_below(std::string_view path, std::string_view above);

}  // namespace ring3::store
