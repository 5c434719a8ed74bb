// SPDX-License-Identifier: MIT
// One run of one cell: boots, listens, judges. What it tells goes to a spool as it comes.
#pragma once

#include <filesystem>

#include "experiments/platforms/platform.hpp"
#include "experiments/runner/record/run_record.hpp"

namespace ring3::experiment {

/// What is known of a run before it starts.
record::RunRecord record_of(const Boot& boot);

/// What the host spent on it is no part of the record.
struct Ran {
    record::RunRecord record;
    double cpu_s = 0;
    std::uint64_t peak_rss_bytes = 0;
};

/// The record is also whole in the spool then.
Ran run_cell(const Boot& boot, Platform& platform, const std::filesystem::path& spool,
             Listener& listener);

}  // namespace ring3::experiment
