// SPDX-License-Identifier: MIT
// The two files of a campaign as a whole: its index, and what is known of the host.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "analysis/load/layout.hpp"

namespace ring3::record {

struct CampaignRecord {
    std::string name, title, question, baseline, descriptor;
    std::vector<Cell> cells;
    std::vector<Run> runs;
    std::vector<Claim> claims;
    std::vector<Difference> differences;
};

void write_index(const std::filesystem::path& path, const CampaignRecord& campaign);

void write_host(const std::filesystem::path& path, const std::string& descriptor,
                const std::map<std::string, std::string>& facts, const std::vector<HostRun>& runs);

}  // namespace ring3::record
