// SPDX-License-Identifier: MIT
// ring3 run: an experiment, from its descriptor to its report. ring3 verify: a recorded run again.
#include <algorithm>

#include <fmt/format.h>

#include "cli/arguments.hpp"
#include "cli/descriptor_choice.hpp"
#include "cli/machine_choice.hpp"
#include "cli/progress.hpp"
#include "cli/report.hpp"
#include "cli/verb.hpp"
#include "experiments/runner/campaign.hpp"
#include "experiments/runner/verify.hpp"

namespace ring3 {
namespace {

using experiment::Campaign;
using record::Status;

constexpr const char* run_help =
    "usage: ring3 run [OPTIONS] DESCRIPTOR\n"
    "\n"
    "Runs an experiment: every platform with every workload at every point, in random order, as\n"
    "often as the descriptor says; records it to results/NAME/, and makes the report. Images are\n"
    "built first where they are missing. Ctrl-C stops at once and keeps what is finished.\n"
    "\n"
    "      --set KEY=VALUE    wins over the descriptor: guest.memory_mib=256,\n"
    "                         workloads.dbench.size=train, scheduler.name=bvt\n"
    "      --show-config      print every value in effect, and who gave it; run nothing\n"
    "      --results DIR      in place of results/\n"
    "      --resume           go on with the last campaign of this experiment: what is missing\n"
    "      --failed           with it: also what failed\n"
    "      --folder DIR       with it: that campaign\n"
    "      --accept-changes   with it: although the descriptor or ring3 has changed since\n"
    "      --json             print one JSON document in place of the report's path\n"
    "\n"
    "Exit code: 0 all is well, 1 a claim of the descriptor is not met or a comparison was "
    "refused,\n"
    "2 something is wrong with the descriptor, 4 with the host, 5 a workload printed something\n"
    "wrong, 6 a ring3 machine crashed, 130 interrupted.\n";

constexpr const char* verify_help =
    "usage: ring3 verify RUN_FILE...\n"
    "\n"
    "Runs the cells of recorded runs again (results/NAME/.../run-0001.h5, made under a virtual\n"
    "clock) and compares the files byte for byte.\n"
    "\n"
    "Exit code: 0 they are equal, 7 they are not: the first line of the console that differs is\n"
    "told.\n";

Json json_of(const experiment::LoggedRun& entry) {
    return {{"run", entry.run.run},
            {"cell", entry.run.cell},
            {"label", entry.label},
            {"repetition", entry.run.repetition},
            {"status", record::status_names.at(static_cast<std::size_t>(entry.run.status))},
            {"reason", entry.run.reason.view()},
            {"file", entry.run.file.view()},
            {"noisy", entry.run.noisy != 0}};
}

int exit_code(const Campaign& campaign, const experiment::Descriptor& descriptor) {
    const auto has = [&](Status status, bool only_ring3) {
        return std::ranges::any_of(campaign.runs(), [&](const experiment::LoggedRun& entry) {
            if (entry.run.status != status) return false;
            if (!only_ring3) return true;
            return std::ranges::any_of(
                descriptor.platforms, [&](const experiment::PlatformChoice& platform) {
                    return platform.kind == "ring3" && entry.label.starts_with(platform.name + "/");
                });
        });
    };
    if (has(Status::failed, false)) return to_int(ExitCode::workload_failed);
    if (has(Status::dnr, true)) return to_int(ExitCode::crash);
    return to_int(ExitCode::ok);
}

int run(std::span<const std::string> arguments) {
    DescriptorChoice choice;
    bool json = false, resumes = false, failed = false, accepts = false, shows = false;
    std::string folder;
    CommandLine line("run");
    choice.add_to(line)
        .flag("json", json)
        .flag("resume", resumes)
        .flag("failed", failed)
        .flag("accept-changes", accepts)
        .flag("show-config", shows)
        .value("folder", folder);
    const std::string file = line.parse(arguments, {1, 1, "a descriptor"})[0];
    if (!resumes && (failed || accepts || !folder.empty()))
        throw ConfigError{"ring3 run: --failed, --accept-changes and --folder go with --resume"};
    const experiment::Descriptor descriptor = experiment::read_descriptor(file, choice.settings);
    if (shows) {
        print_effective(descriptor);
        return to_int(ExitCode::ok);
    }
    if (folder.empty())
        folder = resumes ? (experiment::results_of(descriptor, choice.results) / "latest").string()
                         : experiment::new_folder(descriptor, choice.results).string();

    CampaignProgress progress;
    Campaign campaign(descriptor, folder, progress);
    if (resumes)
        campaign.resume(failed ? Campaign::Resume::failed : Campaign::Resume::missing, accepts);
    const bool is_whole = campaign.run();
    progress.end();
    if (!is_whole) {
        print_note(fmt::format("stopped; ring3 run --resume {} goes on", file));
        return to_int(ExitCode::interrupted);
    }
    const Reported reported = report_on(folder, !json);
    if (json) {
        Json runs = Json::array();
        for (const experiment::LoggedRun& entry : campaign.runs()) runs.push_back(json_of(entry));
        print_json("run", {{"folder", folder}, {"runs", runs}, {"report", reported.json}});
    }
    const int code = exit_code(campaign, descriptor);
    if (code != to_int(ExitCode::ok) || reported.is_good) return code;
    return to_int(ExitCode::claim_failed);
}

int run_verify(std::span<const std::string> arguments) {
    CommandLine line("verify");
    const auto files = line.parse(arguments, {1, CommandLine::any_number, "a file of a run"});
    bool all_equal = true;
    CampaignProgress progress;
    for (const std::string& file : files) {
        const experiment::Verification result = experiment::verify(file, progress);
        progress.end();
        all_equal &= result.is_equal;
        fmt::print("{}: {}\n", file, result.is_equal ? "the same, byte for byte" : "DIFFERS");
        if (!result.is_equal) fmt::print("  {}\n", result.difference);
    }
    return to_int(all_equal ? ExitCode::ok : ExitCode::not_deterministic);
}

const RegisteredVerb run_entry{
    {"run", "runs an experiment and reports on it", run_help, run, VerbGroup::experiment}};
const RegisteredVerb verify_entry{{"verify", "runs a recorded run again and compares", verify_help,
                                   run_verify, VerbGroup::experiment}};

}  // namespace
}  // namespace ring3
