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
    void turn_begins(const experiment::Position& position, const experiment::Turn& next) override;
    void line(const experiment::Line& line) override;
    void progress(const experiment::Progress& progress) override;
    void turn_ends(const experiment::LoggedRun& run) override;
    bool wants_stop() override;
    /// Takes the line away.
    void end();

private:
    void draw();
    std::string text() const;

    const StopSignals signals_;
    const bool is_terminal_;
    experiment::Position position_;
    std::chrono::steady_clock::time_point turn_started_, drawn_;
    std::string label_, doing_;
    bool is_virtual_ = false;
    /// Of a ring3 machine; nothing before it has told anything.
    experiment::Progress progress_, counted_;
    std::chrono::steady_clock::time_point counted_at_;
    double mips_ = 0;
};

}  // namespace ring3
