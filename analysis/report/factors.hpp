// SPDX-License-Identifier: MIT
// A point's factors, "scheduler.name=bvt;scheduler.slice_us=5000", taken apart.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ring3::analysis {

/// Key and value, in the order of the sweep.
using Factors = std::vector<std::pair<std::string, std::string>>;

Factors parse_factors(const std::string& text);
/// Empty where there is no such key.
std::string value_of(const Factors& factors, std::string_view key);
/// A value as a number, if it is one; a unit may follow: "5ms".
std::optional<double> number_of(const std::string& text);

}  // namespace ring3::analysis
