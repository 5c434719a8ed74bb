// SPDX-License-Identifier: MIT
// log.ndjson: what a campaign has done, one JSON document a line, on the disk before the next run
// begins. A campaign that was stopped or killed goes on from here.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "analysis/load/layout.hpp"

namespace ring3::experiment {

/// A run that has ended, and what the host was like meanwhile.
struct LoggedRun {
    record::Run run;
    record::HostRun host;
    std::string label;  ///< of the cell, for people
};

class CampaignLog final {
public:
    explicit CampaignLog(std::filesystem::path path) : path_(std::move(path)) {}

    /// Of a run as far as it is known before it: its number, cell, repetition and label.
    void begin(const LoggedRun& run) const;
    void add(const LoggedRun& run) const;
    void note(const std::string& text) const;
    /// The campaign has come to its end, or was stopped.
    void end(bool is_whole) const;
    /// The runs, in their order; of a number that is there twice the later one. What is cut is left
    /// out.
    std::vector<LoggedRun> runs() const;
    /// The run that began and did not end.
    struct Begun {
        std::string label, since;  ///< the second as utc_now() writes it
        unsigned repetition = 0;
    };
    std::optional<Begun> begun() const;
    /// The campaign came to its end, and did not go on after that.
    bool is_whole() const;

private:
    void append(const std::string& line) const;

    std::filesystem::path path_;
};

/// "2026-11-26T20:15:00Z"
std::string utc_now();

}  // namespace ring3::experiment
