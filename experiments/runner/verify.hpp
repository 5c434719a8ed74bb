// SPDX-License-Identifier: MIT
// Runs the cell of a recorded run again and compares the files, byte for byte.
#pragma once

#include <filesystem>
#include <string>

#include "experiments/runner/campaign.hpp"

namespace ring3::experiment {

struct Verification {
    bool is_equal = false;
    std::string difference;  ///< the first line of the consoles that differs, or what else does
    record::RunRecord again;
};

/// `run_file` is one of a campaign's, made under a virtual clock. ConfigError if it is not.
Verification verify(const std::filesystem::path& run_file, CampaignListener& listener);

}  // namespace ring3::experiment
