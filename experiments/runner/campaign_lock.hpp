// SPDX-License-Identifier: MIT
// Who works in a campaign's folder: one process at a time. The lock goes with the process, however
// that ends; the file `running` that is left then says that the campaign was killed.
#pragma once

#include <filesystem>
#include <optional>

#include <sys/types.h>

namespace ring3::experiment {

class CampaignLock final {
public:
    /// Throws EnvironmentError if another process is at work there, and still is after 3 s.
    explicit CampaignLock(const std::filesystem::path& folder);
    CampaignLock(const CampaignLock&) = delete;
    CampaignLock& operator=(const CampaignLock&) = delete;
    ~CampaignLock();

    /// The process that is at work there. Not for that process itself: to look is to open and close
    /// the file, with which POSIX lets go of its locks.
    static std::optional<pid_t> holder(const std::filesystem::path& folder);
    /// One was, and did not come to its end.
    static bool was_killed(const std::filesystem::path& folder);

private:
    std::filesystem::path path_;
    int file_;
};

}  // namespace ring3::experiment
