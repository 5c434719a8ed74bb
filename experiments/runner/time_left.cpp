// SPDX-License-Identifier: MIT
#include "experiments/runner/time_left.hpp"

#include <cstddef>

namespace ring3::experiment {

void TimeLeft::add(const LoggedRun& run) {
    // What was skipped, or came out of the cache, says nothing about the next time.
    if (run.run.status == record::Status::skipped || run.host.cpu_ns == 0) return;
    seconds_[run.label] = static_cast<double>(run.host.wall_ns) / 1e9;
}

double TimeLeft::of(const std::string& label) const {
    const auto found = seconds_.find(label);
    return found == seconds_.end() ? -1 : found->second;
}

double TimeLeft::of_all(const std::vector<std::string>& labels) const {
    double known_s = 0;
    std::size_t known = 0;
    for (const std::string& label : labels)
        if (const double seconds = of(label); seconds >= 0) known_s += seconds, ++known;
    double average = known > 0 ? known_s / static_cast<double>(known) : -1;
    if (known == 0 && !seconds_.empty()) {
        average = 0;
        for (const auto& [label, seconds] : seconds_)
            average += seconds / static_cast<double>(seconds_.size());
    }
    if (average < 0) return -1;
    return known_s + average * static_cast<double>(labels.size() - known);
}

}  // namespace ring3::experiment
