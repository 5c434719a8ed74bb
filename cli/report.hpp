// SPDX-License-Identifier: MIT
// The report of one campaign, made and told: for `ring3 report`, and at the end of `ring3 run`.
#pragma once

#include <filesystem>

#include "hv/control/protocol.hpp"

namespace ring3 {

struct Reported {
    Json json;
    /// No claim is not met, and no comparison was refused.
    bool is_good = true;
};

/// `prints`: the verdicts, then the page's path, on standard output.
Reported report_on(const std::filesystem::path& campaign, bool prints);

}  // namespace ring3
