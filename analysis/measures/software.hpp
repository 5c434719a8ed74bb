// SPDX-License-Identifier: MIT
// Whether two points may be compared: what ran there must be the same software, or somebody must
// have said in what it differs.
#pragma once

#include <string>
#include <vector>

#include "analysis/measures/measures.hpp"

namespace ring3::analysis {

/// In what the software of two points differs that neither the descriptor nor the nature of their
/// platforms names: "kernel", "image", "memory", "vcpus", "words". Empty: they may be compared.
/// Runs that recorded nothing of it (of older versions) do not count.
std::vector<std::string> unnamed_differences(const Campaign& campaign, const Point& one,
                                             const Point& other);

/// The same for a point in two campaigns.
std::vector<std::string> differences_between(const Campaign& before, const Campaign& after,
                                             const Point& point);

/// "uml kernel-build is not compared with native: image differ..."; for people.
std::string refusal_text(const Point& one, const Point& other,
                         const std::vector<std::string>& differences);

}  // namespace ring3::analysis
