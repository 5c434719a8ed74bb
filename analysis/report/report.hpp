// SPDX-License-Identifier: MIT
// The report of a campaign, from its files alone.
#pragma once

#include <filesystem>
#include <vector>

#include "analysis/claims/claims.hpp"

namespace ring3::analysis {

struct ReportOutcome {
    std::filesystem::path html, markdown;
    std::vector<ClaimResult> claims;
    /// Comparisons that were not made, and why.
    std::vector<std::string> refusals;

    bool all_claims_hold() const;  ///< none is not met; an undecided one does not count
};

/// Writes report/report.html and report/REPORT.md into the campaign's folder, with all charts and
/// their data beside them. `campaign` is that folder or its index.h5. Twice from the same files
/// gives the same bytes. ConfigError, EnvironmentError.
ReportOutcome write_report(const std::filesystem::path& campaign);

}  // namespace ring3::analysis
