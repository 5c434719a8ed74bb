// SPDX-License-Identifier: MIT
// ring3 plan: what ring3 run would do, and what of it is there already. ring3 cache: the same for
// one cell, and why.
#include <map>

#include <fmt/format.h>

#include "cli/arguments.hpp"
#include "cli/descriptor_choice.hpp"
#include "cli/duration.hpp"
#include "cli/machine_choice.hpp"
#include "cli/verb.hpp"
#include "experiments/runner/plan.hpp"

namespace ring3 {
namespace {

constexpr const char* plan_help =
    "usage: ring3 plan [--set KEY=VALUE]... [--results DIR] [--json] DESCRIPTOR\n"
    "\n"
    "Lists the cells of an experiment: what would run, on which platforms it cannot, what is "
    "cached\n"
    "and why not, and how long it took the last time. Runs and builds nothing.\n"
    "\n"
    "Exit code: 0, or 2 if something is wrong with the descriptor.\n";

constexpr const char* cache_help =
    "usage: ring3 cache explain [--set KEY=VALUE]... DESCRIPTOR CELL\n"
    "       ring3 cache clear\n"
    "\n"
    "Runs under a virtual clock repeat bit for bit, and are made once. Says whether the run of a\n"
    "cell (its number in ring3 plan) is kept, and everything that decides that; or forgets all\n"
    "runs, and what engines keep of translated guest code. Images stay: see `ring3 image`.\n";

int run_plan(std::span<const std::string> arguments) {
    DescriptorChoice choice;
    bool json = false;
    CommandLine line("plan");
    choice.add_to(line).flag("json", json);
    const std::string file = line.parse(arguments, {1, 1, "a descriptor"})[0];
    const experiment::Descriptor descriptor = experiment::read_descriptor(file, choice.settings);
    const experiment::Plan plan = experiment::plan_of(descriptor, choice.results);
    if (json) {
        Json cells = Json::array();
        for (const experiment::PlannedCell& cell : plan.cells)
            cells.push_back({{"cell", cell.number},
                             {"label", cell.label},
                             {"clock", cell.clock},
                             {"runs", cell.runs},
                             {"state", cell.state},
                             {"seconds", cell.seconds}});
        print_json("plan", {{"name", descriptor.name}, {"cells", cells}, {"first", plan.first}});
        return to_int(ExitCode::ok);
    }
    for (const std::string& step : plan.first) fmt::print("first: {}\n", step);
    fmt::print("{:>4}  {:<44} {:<8} {:>4}  {:>7}  {}\n", "cell", "what", "clock", "runs", "each",
               "state");
    for (const experiment::PlannedCell& cell : plan.cells)
        fmt::print("{:>4}  {:<44} {:<8} {:>4}  {:>7}  {}\n", cell.number, cell.label, cell.clock,
                   cell.runs, readable_duration(cell.seconds), cell.state);
    fmt::print("{} runs; {}\n", plan.runs,
               plan.seconds < 0
                   ? "how long they take is not known before the first campaign"
                   : "about " + readable_duration(plan.seconds) + " by the last campaign");
    return to_int(ExitCode::ok);
}

int run_cache(std::span<const std::string> arguments) {
    DescriptorChoice choice;
    CommandLine line("cache");
    choice.add_to(line);
    const auto words = line.parse(arguments, {1, 3, "explain DESCRIPTOR CELL, or clear"});
    if (words[0] == "clear" && words.size() == 1) {
        const experiment::Cleared cleared = experiment::clear_cache();
        fmt::print("removed {} runs and {} MiB of translations\n", cleared.runs,
                   cleared.translation_bytes >> 20);
        return to_int(ExitCode::ok);
    }
    if (words[0] != "explain" || words.size() != 3)
        throw ConfigError{"ring3 cache: explain DESCRIPTOR CELL, or clear"};
    const experiment::Descriptor descriptor =
        experiment::read_descriptor(words[1], choice.settings);
    fmt::print("{}", experiment::explain_cache(descriptor, words[2]));
    return to_int(ExitCode::ok);
}

const RegisteredVerb plan_entry{
    {"plan", "lists what an experiment would run", plan_help, run_plan, VerbGroup::experiment}};
const RegisteredVerb cache_entry{{"cache", "says why a run is kept or not, or forgets all",
                                  cache_help, run_cache, VerbGroup::experiment}};

}  // namespace
}  // namespace ring3
