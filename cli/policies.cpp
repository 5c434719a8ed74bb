// SPDX-License-Identifier: MIT
// ring3 policies: what can be chosen by name in a machine file, and what each choice can be told.
#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "cli/arguments.hpp"
#include "cli/verb.hpp"
#include "hv/machine/policies.hpp"

namespace ring3 {
namespace {

constexpr const char* help =
    "usage: ring3 policies [KIND [NAME]]\n"
    "\n"
    "Lists the swappable parts of a machine: kinds, the names of each, and their parameters with\n"
    "defaults. A machine file has one table for each kind:\n"
    "\n"
    "  [scheduler]\n"
    "  name = \"round_robin\"\n"
    "  slice_us = 5000\n"
    "\n"
    "and the table [machine] for what is no policy's. See ring3 create --machine, --set.\n";

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
}

void print_machine() {
    fmt::print("machine: what is no policy's\n");
    print_parameters(machine_parameters());
}

int run(std::span<const std::string> arguments) {
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
