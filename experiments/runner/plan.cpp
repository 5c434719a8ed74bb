// SPDX-License-Identifier: MIT
#include "experiments/runner/plan.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "experiments/runner/cache.hpp"
#include "experiments/runner/campaign.hpp"
#include "experiments/runner/time_left.hpp"
#include "hv/base/cache_folder.hpp"
#include "hv/base/errors.hpp"

namespace ring3::experiment {
namespace {

namespace fs = std::filesystem;

std::string state_of(const Descriptor& descriptor, const Cell& cell, BootFiles& files,
                     bool has_images) {
    const std::string reason = why_skipped(*make_platform(*cell.platform), cell);
    if (!reason.empty()) return "skipped: " + reason;
    if (!RunCache::can_keep(cell) || !has_images) return "to run";
    const Boot boot = files.boot_of(descriptor, cell, "");
    return RunCache().explain(boot, RunCache::ingredients(boot, files));
}

}  // namespace

Plan plan_of(const Descriptor& descriptor, const fs::path& results) {
    const std::vector<Cell> cells = cells_of(descriptor);
    BootFiles files([](const std::string&) {});
    Plan plan;
    plan.first = files.missing(descriptor, cells);
    const TimeLeft times(CampaignLog(results_of(descriptor, results) / "latest" / "log.ndjson"));
    bool is_known = true;
    double seconds = 0;
    for (const Cell& cell : cells) {
        PlannedCell planned{cell.number,
                            cell.label(),
                            cell.clock,
                            descriptor.stopping.most,
                            state_of(descriptor, cell, files, plan.first.empty()),
                            times.of(cell.label())};
        if (cell.clock == "virtual") planned.runs = 1;
        if (planned.state.starts_with("skipped") || planned.state.starts_with("cached"))
            planned.runs = 0;
        is_known &= planned.runs == 0 || planned.seconds >= 0;
        seconds += planned.runs * std::max(planned.seconds, 0.0);
        plan.runs += planned.runs;
        plan.cells.push_back(std::move(planned));
    }
    if (is_known) plan.seconds = seconds;
    return plan;
}

std::string explain_cache(const Descriptor& descriptor, const std::string& number) {
    const std::vector<Cell> cells = cells_of(descriptor);
    const auto cell = std::ranges::find_if(
        cells, [&](const Cell& known) { return std::to_string(known.number) == number; });
    if (cell == cells.end())
        throw ConfigError{fmt::format("{} has no cell \"{}\"; its cells are 1 to {}",
                                      descriptor.path.string(), number, cells.size())};
    BootFiles files([](const std::string&) {});
    const Boot boot = files.boot_of(descriptor, *cell, "");
    const auto ingredients = RunCache::ingredients(boot, files);
    std::string text =
        fmt::format("{}\n{}\n", cell->label(), RunCache().explain(boot, ingredients));
    for (const auto& [name, value] : ingredients) text += fmt::format("\n{}:\n{}\n", name, value);
    return text;
}

Cleared clear_cache() {
    Cleared cleared;
    const auto remove = [](const fs::path& folder, auto&& note) {
        if (!fs::exists(folder)) return;
        for (const auto& entry : fs::directory_iterator(folder)) note(entry);
        fs::remove_all(folder);
    };
    remove(cache_folder() / "runs", [&](const fs::directory_entry& entry) {
        if (entry.path().extension() == ".spool") ++cleared.runs;
    });
    remove(cache_folder() / "translations", [&](const fs::directory_entry& entry) {
        if (entry.is_regular_file()) cleared.translation_bytes += entry.file_size();
    });
    return cleared;
}

}  // namespace ring3::experiment
