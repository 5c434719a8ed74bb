// SPDX-License-Identifier: MIT
// What a campaign would do, found out without doing any of it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "experiments/descriptor/descriptor.hpp"

namespace ring3::experiment {

struct PlannedCell {
    std::uint32_t number;
    std::string label, clock;
    unsigned runs;
    std::string state;  ///< "to run", "cached: ...", "skipped: ..."
    double seconds;     ///< of one run, by the last campaign; negative if none knows
};

struct Plan {
    std::vector<std::string> first;  ///< images that would be built
    std::vector<PlannedCell> cells;
    unsigned runs = 0;
    double seconds = -1;  ///< all together; negative if that is not known
};

Plan plan_of(const Descriptor& descriptor, const std::filesystem::path& results);

/// Everything that decides whether the run of a cell is kept, for people. ConfigError for a cell
/// that does not exist.
std::string explain_cache(const Descriptor& descriptor, const std::string& cell);
/// What was kept and is gone.
struct Cleared {
    std::size_t runs = 0;
    std::uintmax_t translation_bytes = 0;
};
/// Forgets all runs, and what engines have kept of translations. Images stay.
Cleared clear_cache();

}  // namespace ring3::experiment
