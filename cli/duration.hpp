// SPDX-License-Identifier: MIT
// Seconds for people: "12 s", "7 min", "3.4 h".
#pragma once

#include <string>

#include <fmt/format.h>

namespace ring3 {

/// "?" for what nobody knows: a negative time.
inline std::string readable_duration(double seconds) {
    if (seconds < 0) return "?";
    if (seconds < 120) return fmt::format("{:.0f} s", seconds);
    return seconds < 2 * 3600 ? fmt::format("{:.0f} min", seconds / 60)
                              : fmt::format("{:.1f} h", seconds / 3600);
}

}  // namespace ring3
