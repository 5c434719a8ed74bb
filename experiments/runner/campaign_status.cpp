// SPDX-License-Identifier: MIT
#include "experiments/runner/campaign_status.hpp"

#include <algorithm>
#include <fstream>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "experiments/runner/campaign_lock.hpp"
#include "experiments/runner/time_left.hpp"
#include "hv/base/errors.hpp"

namespace ring3::experiment {
namespace {

using Json = nlohmann::json;
using record::Status;
using State = CampaignStatus::State;

Json plan_of(const std::filesystem::path& folder) {
    std::ifstream file(folder / "plan.json");
    Json plan = Json::parse(file, nullptr, false);
    const bool is_plan = plan.is_object() && plan.contains("cells") && plan.contains("order");
    if (!is_plan)
        throw ConfigError{
            fmt::format("{} is no folder of a campaign: it has no plan.json. Campaigns are in "
                        "results/NAME/TIME, the last one of an experiment in results/NAME/latest",
                        folder.string())};
    return plan;
}

void count(CampaignStatus::OfCell& cell, const record::Run& run) {
    if (run.status == Status::ok)
        ++cell.ok;
    else if (run.status == Status::skipped)
        ++cell.skipped;
    else if (run.status != Status::interrupted)
        ++cell.failed;
    if (run.status != Status::ok) cell.reason = run.reason.view();
}

State state_of(const CampaignStatus& status, bool is_whole) {
    if (status.process) return State::running;
    if (CampaignLock::was_killed(status.folder)) return State::killed;
    return is_whole ? State::whole : State::stopped;
}

}  // namespace

CampaignStatus::OfCell CampaignStatus::sum() const {
    OfCell sum;
    for (const OfCell& cell : cells) {
        sum.ok += cell.ok;
        sum.failed += cell.failed;
        sum.skipped += cell.skipped;
        sum.left += cell.left;
    }
    return sum;
}

const char* state_name(State state) {
    switch (state) {
        case State::running:
            return "running";
        case State::whole:
            return "whole";
        case State::stopped:
            return "stopped";
        case State::killed:
            return "killed";
    }
    return "";
}

CampaignStatus status_of(const std::filesystem::path& folder) {
    const Json plan = plan_of(folder);
    const CampaignLog log(folder / "log.ndjson");
    CampaignStatus status;
    status.folder = folder;
    status.process = CampaignLock::holder(folder);
    status.state = state_of(status, log.is_whole());
    if (status.process) status.now = log.begun();
    // A run that was repeated counts as its last repetition.
    std::map<std::pair<std::uint32_t, std::uint32_t>, record::Run> last;
    for (const LoggedRun& entry : log.runs())
        last[{entry.run.cell, entry.run.repetition}] = entry.run;
    const auto repetitions = static_cast<unsigned>(plan["order"].size());
    std::vector<std::string> left;
    for (const Json& cell : plan["cells"]) {
        CampaignStatus::OfCell& of_cell = status.cells.emplace_back();
        of_cell.cell = cell.at("cell");
        of_cell.label = cell.value(
            "label", fmt::format("{}/{}", cell.value("platform", ""), cell.value("workload", "")));
        of_cell.clock = cell.at("clock");
        for (const auto& [place, run] : last)
            if (place.first == of_cell.cell) count(of_cell, run);
        const unsigned planned = of_cell.clock == "virtual" ? 1 : repetitions;
        const unsigned ended = of_cell.ok + of_cell.failed;
        // What is not there is tried once; a stopping rule may have been satisfied earlier.
        if (of_cell.skipped == 0 && status.state != State::whole && ended < planned)
            of_cell.left = planned - ended;
        left.insert(left.end(), of_cell.left, of_cell.label);
    }
    TimeLeft time_left(CampaignLog(folder.parent_path() / "latest" / "log.ndjson"));
    time_left.add(log.runs());
    status.seconds_left = left.empty() ? 0 : time_left.of_all(left);
    return status;
}

}  // namespace ring3::experiment
