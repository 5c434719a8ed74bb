// SPDX-License-Identifier: MIT
// ring3 policies: what can be chosen by name in a machine file, and what each choice can be told.
// ring3 policies check: whether a scheduler does what every scheduler owes.
#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "cli/arguments.hpp"
#include "cli/verb.hpp"
#include "hv/base/errors.hpp"
#include "hv/machine/config/machine_config.hpp"
#include "hv/machine/policies.hpp"
#include "hv/sched/check/checks.hpp"
#include "hv/sched/scheduler.hpp"

namespace ring3 {
namespace {

constexpr const char* help =
    "usage: ring3 policies [KIND [NAME]]\n"
    "       ring3 policies check SCHEDULER [--set KEY=VALUE...]\n"
    "\n"
    "Lists the swappable parts of a machine: kinds, the names of each, and their parameters with\n"
    "defaults. A machine file has one table for each kind:\n"
    "\n"
    "  [scheduler]\n"
    "  name = \"round_robin\"\n"
    "  slice_us = 5000\n"
    "\n"
    "and the table [machine] for what is no policy's. See ring3 create --machine, --set.\n"
    "\n"
    "check: runs what every scheduler owes over one, by its name or by the path of a shared "
    "object\n"
    "(./mine.so, see examples/scheduler), in a simulation of pCPUs. Exit code 1: it fails one.\n"
    "\n"
    "options of check:\n"
    "  --set KEY=VALUE  a parameter of the scheduler; may be repeated\n";

void print_parameters(const std::vector<Params::Declared>& parameters) {
    for (const Params::Declared& parameter : parameters)
        fmt::print("    {:<16} {}\n    {:<16} default {}; {}\n", parameter.name, parameter.meaning,
                   "", parameter.default_value, parameter.allowed);
}

void print_policy(const PolicyKind& kind, const PolicyName& policy) {
    const bool is_default = policy.name == kind.default_policy;
    fmt::print("  {:<18} {}{}\n", policy.name, policy.summary, is_default ? " (default)" : "");
    print_parameters(parameters_of(kind.name, policy.name));
}

void print_kind(const PolicyKind& kind, const std::string& only) {
    fmt::print("{}: {}\n", kind.name, kind.summary);
    for (const PolicyName& policy : kind.policies)
        if (only.empty() || policy.name == only) print_policy(kind, policy);
    if (only.find('/') != only.npos) print_policy(kind, {only, "from a shared object"});
}

void print_machine() {
    fmt::print("machine: what is no policy's\n");
    print_parameters(machine_parameters());
}

Params scheduler_params(const std::string& name, const std::vector<std::string>& settings) {
    MachineConfig config;
    config.choose(Scheduler::kind, name, "the command line");
    for (const std::string& setting : settings) {
        if (setting.substr(0, setting.find('=')).find('.') != std::string::npos)
            throw ConfigError{
                fmt::format("--set {}: here a parameter of the scheduler is named without its "
                            "table: slice_us=5000",
                            setting)};
        config.set(fmt::format("{}.{}", Scheduler::kind, setting));
    }
    return config.policy(Scheduler::kind).params;
}

void print_faults(const std::vector<std::string>& faults) {
    constexpr std::size_t most = 5;
    for (std::size_t i = 0; i < std::min(most, faults.size()); ++i)
        fmt::print("         {}\n", faults[i]);
    if (faults.size() > most) fmt::print("         and {} more\n", faults.size() - most);
}

int check(std::span<const std::string> arguments) {
    std::vector<std::string> settings;
    const std::vector<std::string> words =
        CommandLine("policies check")
            .values("set", settings)
            .parse(arguments, {1, 1, "the scheduler's name or path"});
    sched::Subject subject{words[0], scheduler_params(words[0], settings)};
    // Complains of a name and of parameters that do not exist, once.
    Params params = subject.params;
    Registry<Scheduler>::create(subject.name, params);
    bool is_good = true;
    for (const sched::SchedulerCheck& each : sched::scheduler_checks()) {
        const sched::CheckResult result = each.run(subject);
        is_good &= result.faults.empty();
        const char* const word = result.is_skipped       ? "skipped"
                                 : result.faults.empty() ? "ok"
                                                         : "FAILED";
        fmt::print("{:<8} {:<32} {}\n", word, each.name,
                   result.is_skipped ? "it does not promise that" : each.meaning);
        print_faults(result.faults);
        std::fflush(stdout);
    }
    return to_int(is_good ? ExitCode::ok : ExitCode::claim_failed);
}

int run(std::span<const std::string> arguments) {
    if (!arguments.empty() && arguments[0] == "check") return check(arguments.subspan(1));
    const std::vector<std::string> words =
        CommandLine("policies").parse(arguments, {0, 2, "a kind and a name, no more"});
    const std::string wanted_kind = words.empty() ? "" : words[0];
    const std::string wanted_name = words.size() < 2 ? "" : words[1];
    // Complains of names that do not exist.
    if (!wanted_name.empty()) parameters_of(wanted_kind, wanted_name);
    bool found = false;
    for (const PolicyKind& kind : policy_kinds()) {
        if (!wanted_kind.empty() && kind.name != wanted_kind) continue;
        if (found) fmt::print("\n");
        print_kind(kind, wanted_name);
        found = true;
    }
    if (wanted_kind.empty() || wanted_kind == "machine") {
        if (found) fmt::print("\n");
        print_machine();
        found = true;
    }
    if (!found) parameters_of(wanted_kind, "");
    return to_int(ExitCode::ok);
}

const RegisteredVerb entry{{"policies",
                            "lists what can be chosen by name: clocks, engines, schedulers", help,
                            run, VerbGroup::machine}};

}  // namespace
}  // namespace ring3
