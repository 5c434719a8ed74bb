// SPDX-License-Identifier: MIT
// "Did you mean": the known name that a misspelt one is nearest to. For messages only: nothing ever
// runs with a guessed name.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace ring3 {

/// The known name that takes the fewest edits (insert, delete, replace, swap neighbours) to become
/// `wanted`; the first of several equals. Nothing when even that one is more edits away than a
/// third of the letters, rounded up: then it would be a guess, not a misspelling.
std::optional<std::string> nearest_name(std::string_view wanted,
                                        std::span<const std::string> known);

/// ` (did you mean "NAME"?)`, or nothing: to be put behind the name that a message complains of.
std::string nearest_name_hint(std::string_view wanted, std::span<const std::string> known);

}  // namespace ring3
