// SPDX-License-Identifier: MIT
// Where ring3 keeps files between its runs that can be made again.
#pragma once

#include <filesystem>

namespace ring3 {

/// $XDG_CACHE_HOME/ring3; without that $HOME/.cache/ring3, and without a home a folder of this user
/// alone in /tmp. It need not exist yet. Throws EnvironmentError if somebody else has that one.
std::filesystem::path cache_folder();

}  // namespace ring3
