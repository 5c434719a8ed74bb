// SPDX-License-Identifier: MIT
// How long runs will take, by what runs of the same cells took: in this campaign, else in the last
// one of the experiment, else as long as all others on average.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "experiments/runner/campaign_log.hpp"

namespace ring3::experiment {

class TimeLeft final {
public:
    explicit TimeLeft(const CampaignLog& last) { add(last.runs()); }

    void add(const LoggedRun& run);
    void add(const std::vector<LoggedRun>& runs) {
        for (const LoggedRun& run : runs) add(run);
    }
    /// Seconds of a run of the cell with this label; negative if nobody knows.
    double of(const std::string& label) const;
    /// Of a run of each of these cells; negative if not one of them is known.
    double of_all(const std::vector<std::string>& labels) const;

private:
    std::map<std::string, double> seconds_;
};

}  // namespace ring3::experiment
