// SPDX-License-Identifier: MIT
// ring3 status: how far a campaign is, seen from another terminal.
#include <algorithm>
#include <filesystem>
#include <vector>

#include <fmt/format.h>

#include "cli/arguments.hpp"
#include "cli/descriptor_choice.hpp"
#include "cli/duration.hpp"
#include "cli/machine_choice.hpp"
#include "cli/verb.hpp"
#include "experiments/runner/campaign.hpp"
#include "experiments/runner/campaign_status.hpp"

namespace ring3 {
namespace {

namespace fs = std::filesystem;
using experiment::CampaignStatus;

constexpr const char* help =
    "usage: ring3 status [OPTIONS] [CAMPAIGN|DESCRIPTOR]...\n"
    "\n"
    "Shows how far a campaign is, while it runs in another terminal or afterwards: its cells with\n"
    "the runs that are done, failed, skipped and left. A campaign is a folder below results/; of "
    "a\n"
    "descriptor it is the last one. Without any: a line for the last one of each experiment.\n"
    "\n"
    "      --results DIR    in place of results/\n"
    "      --json           print one JSON document\n"
    "\n"
    "Exit code: 0, or 2 for what is no campaign.\n";

Json json_of(const CampaignStatus& status) {
    Json cells = Json::array();
    for (const CampaignStatus::OfCell& cell : status.cells)
        cells.push_back({{"cell", cell.cell},
                         {"label", cell.label},
                         {"ok", cell.ok},
                         {"failed", cell.failed},
                         {"skipped", cell.skipped},
                         {"left", cell.left},
                         {"reason", cell.reason}});
    Json json{{"campaign", status.folder.string()},
              {"state", experiment::state_name(status.state)},
              {"cells", cells},
              {"seconds_left", status.seconds_left}};
    if (status.process) json["process"] = *status.process;
    if (status.now)
        json["now"] = {{"label", status.now->label},
                       {"repetition", status.now->repetition},
                       {"since", status.now->since}};
    return json;
}

std::string summary(const CampaignStatus& status) {
    const CampaignStatus::OfCell sum = status.sum();
    std::string text =
        fmt::format("{}: {}", status.folder.string(), experiment::state_name(status.state));
    if (status.process) text += fmt::format(" (process {})", *status.process);
    text += fmt::format(": {} runs ok, {} failed, {} skipped", sum.ok, sum.failed, sum.skipped);
    if (sum.left > 0) text += fmt::format(", at most {} left", sum.left);
    if (sum.left > 0 && status.process && status.seconds_left >= 0)
        text += fmt::format(", about {}", readable_duration(status.seconds_left));
    return text;
}

void print_whole(const CampaignStatus& status) {
    fmt::print("{}\n", summary(status));
    if (status.now)
        fmt::print("now: {}, repetition {}, since {}\n", status.now->label, status.now->repetition,
                   status.now->since);
    fmt::print("{:>4}  {:<44} {:>4} {:>6} {:>7} {:>4}  {}\n", "cell", "what", "ok", "failed",
               "skipped", "left", "why");
    for (const CampaignStatus::OfCell& cell : status.cells)
        fmt::print("{:>4}  {:<44} {:>4} {:>6} {:>7} {:>4}  {}\n", cell.cell, cell.label, cell.ok,
                   cell.failed, cell.skipped, cell.left, cell.reason);
    const bool can_go_on = status.state == CampaignStatus::State::stopped ||
                           status.state == CampaignStatus::State::killed;
    if (can_go_on && status.sum().left > 0)
        fmt::print("ring3 run --resume --folder {} DESCRIPTOR goes on\n", status.folder.string());
}

/// results/*/latest, in the order of their names.
std::vector<fs::path> all_latest(const std::string& results) {
    std::vector<fs::path> folders;
    const fs::path root = experiment::results_root(results);
    if (fs::is_directory(root))
        for (const auto& entry : fs::directory_iterator(root))
            if (fs::exists(entry.path() / "latest" / "plan.json"))
                folders.push_back(entry.path() / "latest");
    std::sort(folders.begin(), folders.end());
    return folders;
}

fs::path campaign_of(const std::string& word, const DescriptorChoice& choice) {
    if (!word.ends_with(".toml")) return word;
    const auto descriptor = experiment::read_descriptor(word, choice.settings);
    return experiment::results_of(descriptor, choice.results) / "latest";
}

int run(std::span<const std::string> arguments) {
    DescriptorChoice choice;
    bool json = false;
    CommandLine line("status");
    choice.add_to(line).flag("json", json);
    const auto words = line.parse(arguments, {0, CommandLine::any_number, "a campaign"});
    std::vector<fs::path> folders;
    for (const std::string& word : words) folders.push_back(campaign_of(word, choice));
    if (words.empty()) folders = all_latest(choice.results);
    Json all = Json::array();
    for (const fs::path& folder : folders) {
        const CampaignStatus status = experiment::status_of(folder);
        if (json)
            all.push_back(json_of(status));
        else if (words.empty())
            fmt::print("{}\n", summary(status));
        else
            print_whole(status);
    }
    if (json)
        print_json("status", all);
    else if (folders.empty())
        fmt::print("no campaign yet; `ring3 run DESCRIPTOR` begins one\n");
    return to_int(ExitCode::ok);
}

const RegisteredVerb entry{
    {"status", "shows how far a campaign is", help, run, VerbGroup::experiment}};

}  // namespace
}  // namespace ring3
