// SPDX-License-Identifier: MIT
// A campaign: all runs of an experiment, in random order, recorded in one folder. Stops at a safe
// point when it is asked to, and goes on later from what is there.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "experiments/descriptor/cells.hpp"
#include "experiments/descriptor/descriptor.hpp"
#include "experiments/platforms/platform.hpp"
#include "experiments/runner/boot_files.hpp"
#include "experiments/runner/cache.hpp"
#include "experiments/runner/campaign_log.hpp"

namespace ring3::experiment {

/// Who watches a campaign: a terminal, a test.
class CampaignListener {
public:
    virtual ~CampaignListener() = default;
    /// For a user to read, once.
    virtual void note(const std::string& text) = 0;
    virtual void turn_begins(std::size_t /*turn*/, std::size_t /*turns*/, const Turn&) {}
    virtual void line(const Line&) {}
    virtual void turn_ends(const LoggedRun&) {}
    /// Asked often.
    virtual bool wants_stop() { return false; }
};

class Campaign final {
public:
    /// What to do about runs that are there already.
    enum class Resume : std::uint8_t {
        no,
        missing,  ///< only what did not come to an end
        failed,   ///< also what failed, or did not run
    };

    /// `folder` is made, unless it is to be resumed. The descriptor outlives it.
    Campaign(const Descriptor& descriptor, std::filesystem::path folder,
             CampaignListener& listener);

    /// Throws ConfigError unless folder, descriptor and program are those it began with;
    /// `accept_changes` only notes what is not.
    void resume(Resume resume, bool accept_changes);
    /// True if it came to its end, false if it was stopped.
    bool run();

    const std::filesystem::path& folder() const { return folder_; }
    const std::vector<LoggedRun>& runs() const { return runs_; }

private:
    void begin();
    void recover_spools();
    bool is_done(const Turn& turn) const;
    /// By the descriptor's rule, before this repetition.
    bool is_settled(const Cell& cell, unsigned repetition) const;
    void skip_unavailable();
    bool run_repetition(unsigned repetition);
    void run_turn(const Turn& turn);
    void finish(record::RunRecord run, LoggedRun entry);
    void write_files();
    Platform& platform_of(const Cell& cell);
    std::string file_name(std::uint32_t run, const char* ending) const;

    const Descriptor& descriptor_;
    const std::filesystem::path folder_;
    CampaignListener& listener_;
    const std::vector<Cell> cells_;
    BootFiles files_;
    RunCache cache_;
    CampaignLog log_;
    Resume resume_ = Resume::no;
    std::map<std::string, std::unique_ptr<Platform>> platforms_;
    /// By platform: why it cannot run here.
    std::map<std::string, std::string> unavailable_;
    /// By the cell's number: why it cannot run here.
    std::map<std::uint32_t, std::string> skipped_;
    std::vector<LoggedRun> runs_;
};

/// results/NAME of this tree, or of `results` if that is not empty.
std::filesystem::path results_of(const Descriptor& descriptor,
                                 const std::filesystem::path& results);
/// A folder there for a new campaign: its time and the hash of what it is to do.
std::filesystem::path new_folder(const Descriptor& descriptor,
                                 const std::filesystem::path& results);

}  // namespace ring3::experiment
