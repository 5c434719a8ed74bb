// SPDX-License-Identifier: MIT
// Writes the files of a campaign from plain structs, for tests of who reads them.
#pragma once

#include <filesystem>

#include "analysis/load/campaign.hpp"

namespace ring3::test {

/// index.h5, a file for every run that names one, and host.h5 if the campaign has facts of a host.
void write_campaign(const analysis::Campaign& campaign, const std::filesystem::path& folder);

}  // namespace ring3::test
