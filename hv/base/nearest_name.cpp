// SPDX-License-Identifier: MIT
#include "hv/base/nearest_name.hpp"

#include <algorithm>
#include <cctype>
#include <cstddef>
#include <vector>

namespace ring3 {
namespace {

char folded(char c) {
    if (c == '-') return '_';
    return static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
}

/// Optimal string alignment distance, blind to case and to '-' against '_'.
std::size_t edit_distance(std::string_view a, std::string_view b) {
    const std::size_t width = b.size() + 1;
    std::vector<std::size_t> before_last(width), last(width), current(width);
    for (std::size_t j = 0; j < width; ++j) last[j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
        current[0] = i;
        for (std::size_t j = 1; j < width; ++j) {
            const bool same = folded(a[i - 1]) == folded(b[j - 1]);
            current[j] = std::min({last[j] + 1, current[j - 1] + 1, last[j - 1] + (same ? 0 : 1)});
            const bool swapped = i > 1 && j > 1 && folded(a[i - 1]) == folded(b[j - 2]) &&
                                 folded(a[i - 2]) == folded(b[j - 1]);
            if (swapped) current[j] = std::min(current[j], before_last[j - 2] + 1);
        }
        before_last.swap(last);
        last.swap(current);
    }
    return last[b.size()];
}

}  // namespace

std::optional<std::string> nearest_name(std::string_view wanted,
                                        std::span<const std::string> known) {
    // A name of thousands of letters is no misspelling of anything, and would cost a square of
    // them.
    constexpr std::size_t longest_name = 256;
    if (wanted.size() > longest_name) return std::nullopt;

    const std::string* best = nullptr;
    std::size_t best_distance = (wanted.size() + 2) / 3 + 1;
    for (const std::string& name : known) {
        if (name.size() > longest_name) continue;
        const std::size_t distance = edit_distance(wanted, name);
        if (distance < best_distance) {
            best_distance = distance;
            best = &name;
        }
    }
    if (best == nullptr) return std::nullopt;
    return *best;
}

std::string nearest_name_hint(std::string_view wanted, std::span<const std::string> known) {
    const auto near = nearest_name(wanted, known);
    return near ? " (did you mean \"" + *near + "\"?)" : "";
}

}  // namespace ring3
