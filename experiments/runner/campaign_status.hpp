// SPDX-License-Identifier: MIT
// How far a campaign is, from its folder alone: while it runs in another process, and afterwards.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

#include "experiments/runner/campaign_log.hpp"

namespace ring3::experiment {

struct CampaignStatus {
    enum class State : std::uint8_t {
        running,
        whole,    ///< came to its end
        stopped,  ///< by its user; can be resumed
        killed,   ///< so can this
    };
    struct OfCell {
        std::uint32_t cell = 0;
        std::string label, clock;
        /// Runs: that ended well; that failed, crashed or never ended; that cannot run here; that
        /// are still to come, at most.
        unsigned ok = 0, failed = 0, skipped = 0, left = 0;
        std::string reason;  ///< of the last that did not end well
    };

    std::filesystem::path folder;
    State state = State::stopped;
    std::optional<pid_t> process;
    std::vector<OfCell> cells;
    std::optional<CampaignLog::Begun> now;
    double seconds_left = -1;  ///< negative if nobody knows

    /// Of all cells together.
    OfCell sum() const;
};

const char* state_name(CampaignStatus::State state);

/// Throws ConfigError for what is no folder of a campaign.
CampaignStatus status_of(const std::filesystem::path& folder);

}  // namespace ring3::experiment
