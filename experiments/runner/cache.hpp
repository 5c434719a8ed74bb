// SPDX-License-Identifier: MIT
// Runs that repeat bit for bit are made once: a cell under a virtual clock has a key, the hash of
// all that decides its result, and its spool is kept under that. A wall-clock run never repeats,
// and is not kept.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "experiments/platforms/platform.hpp"
#include "experiments/runner/boot_files.hpp"
#include "experiments/runner/record/run_record.hpp"

namespace ring3::experiment {

class RunCache final {
public:
    /// What decides a result, by name, in a fixed order.
    using Ingredients = std::vector<std::pair<std::string, std::string>>;

    /// $XDG_CACHE_HOME/ring3/runs.
    RunCache();

    static bool can_keep(const Cell& cell) { return cell.clock == "virtual"; }
    static Ingredients ingredients(const Boot& boot, BootFiles& files);

    /// The run as it was kept, told as a run of this cell.
    std::optional<record::RunRecord> find(const Boot& boot, const Ingredients& ingredients) const;
    void keep(const Boot& boot, const Ingredients& ingredients,
              const std::filesystem::path& spool) const;
    /// In one line: that it is there, or what has changed since the cell of this label was kept.
    std::string explain(const Boot& boot, const Ingredients& ingredients) const;

private:
    std::filesystem::path spool_of(const Ingredients& ingredients) const;
    std::filesystem::path label_file(const Boot& boot) const;

    std::filesystem::path folder_;
};

}  // namespace ring3::experiment
