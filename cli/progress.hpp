// SPDX-License-Identifier: MIT
// A campaign on a terminal: one line that says how far it is. Where standard error is no terminal,
// a line for each run.
#pragma once

#include <chrono>
#include <string>

#include "cli/terminal.hpp"
#include "experiments/runner/campaign.hpp"

namespace ring3 {

class CampaignProgress final : public experiment::CampaignListener {
public:
    CampaignProgress();

    void note(const std::string& text) override;
    void turn_begins(std::size_t turn, std::size_t turns, const experiment::Turn& next) override;
    void line(const experiment::Line& line) override;
    void turn_ends(const experiment::LoggedRun& run) override;
    bool wants_stop() override;
    /// Takes the line away.
    void end();

private:
    void draw();

    const StopSignals signals_;
    const bool is_terminal_;
    const std::chrono::steady_clock::time_point started_;
    std::chrono::steady_clock::time_point turn_started_, drawn_;
    std::size_t turn_ = 0, turns_ = 0, turns_run_ = 0;
    std::string label_, doing_;
};

}  // namespace ring3
