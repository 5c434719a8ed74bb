// SPDX-License-Identifier: MIT
// The program ring3: finds the verb, runs it, and turns the errors that end a run into one message
// and an exit code. The only place that catches them.
#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <new>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "build_info.hpp"
#include "cli/manual.hpp"
#include "cli/verb.hpp"
#include "hv/base/nearest_name.hpp"
#include "hv/control/protocol.hpp"
#include "hv/sched/scheduler_error.hpp"

namespace ring3 {
namespace {

constexpr const char* opening =
    "ring3: a Xen-compatible hypervisor that runs as an ordinary process.\n"
    "\n"
    "usage: ring3 VERB [ARGUMENTS...]\n"
    "       ring3 help VERB | help all | --version\n"
    "A verb may be shortened to what only one verb begins with: ring3 li, ring3 cr FILE.\n"
    "\n";

constexpr const char* closing =
    "\n"
    "To see a guest boot: ring3 create -c examples/hello.cfg\n";

constexpr std::pair<VerbGroup, const char*> groups[] = {
    {VerbGroup::machine, "machines"}, {VerbGroup::domain, "domains"},
    {VerbGroup::device, "devices"},   {VerbGroup::store, "store"},
    {VerbGroup::files, "files"},      {VerbGroup::experiment, "research"},
};

/// The verbs' names, on one screen.
std::string overview() {
    constexpr std::size_t indent = 12, widest = 80;
    std::string text = opening;
    for (const auto& [group, head] : groups) {
        std::string line = fmt::format("  {:<{}}", head, indent - 3);
        for (const auto& [name, verb] : verbs()) {
            if (verb.group != group) continue;
            if (line.size() + 1 + name.size() > widest) {
                text += line + "\n";
                line = std::string(indent - 1, ' ');
            }
            line += fmt::format(" {}", name);
        }
        if (line.size() >= indent) text += line + "\n";
    }
    return text + closing;
}

std::string overview_of_all() {
    std::string text = opening;
    for (const auto& [group, head] : groups) {
        text += fmt::format("{}:\n", head);
        for (const auto& [name, verb] : verbs())
            if (verb.group == group) text += fmt::format("  {:<15} {}\n", name, verb.summary);
    }
    return text + closing;
}

/// The verbs that begin so; they stand in order of their names.
std::vector<const Verb*> verbs_with_prefix(std::string_view prefix) {
    std::vector<const Verb*> found;
    if (prefix.empty()) return found;
    for (auto it = verbs().lower_bound(prefix);
         it != verbs().end() && it->first.starts_with(prefix); ++it)
        found.push_back(&it->second);
    return found;
}

/// As xm and xl look it up: the whole name first, then the only verb that begins so.
const Verb& verb_named(const std::string& name) {
    const auto found = verbs().find(name);
    if (found != verbs().end()) return found->second;
    const std::vector<const Verb*> candidates = verbs_with_prefix(name);
    if (candidates.size() == 1) return *candidates.front();
    if (!candidates.empty()) {
        std::vector<std::string_view> names;
        for (const Verb* const verb : candidates) names.emplace_back(verb->name);
        throw ConfigError{fmt::format("\"{}\" may be {}; more of the name tells which", name,
                                      fmt::join(names, ", "))};
    }
    std::vector<std::string> names{"help"};
    for (const auto& [known, verb] : verbs()) names.emplace_back(known);
    throw ConfigError{fmt::format("there is no verb \"{}\"{}; `ring3 --help` lists the verbs", name,
                                  nearest_name_hint(name, names))};
}

/// For programs: one on a line.
std::string verb_names() {
    std::string text;
    for (const auto& [name, verb] : verbs()) text += fmt::format("{}\n", name);
    return text;
}

std::string help_for(const std::vector<std::string>& arguments) {
    if (arguments.empty()) return overview();
    if (arguments[0] == "all") return overview_of_all();
    if (arguments[0] == "verbs") return verb_names();
    if (arguments[0] == "manual") return manual_page();
    return verb_named(arguments[0]).help;
}

int print_result(const std::string& text) {
    std::fputs(text.c_str(), stdout);
    return to_int(ExitCode::ok);
}

/// `ring3 -M lab list` is `ring3 list -M lab`.
void move_machine_name(std::vector<std::string>& arguments) {
    if (arguments.size() >= 3 && (arguments[0] == "-M" || arguments[0] == "--machine-name"))
        std::rotate(arguments.begin(), arguments.begin() + 2, arguments.begin() + 3);
}

int run(std::vector<std::string> arguments) {
    if (arguments.empty()) {
        print_error("no verb given; `ring3 --help` lists the verbs");
        return to_int(ExitCode::usage);
    }
    move_machine_name(arguments);
    const std::string first = arguments[0];
    arguments.erase(arguments.begin());
    if (first == "--version") return print_result(fmt::format("ring3 {}\n", build_info::version));
    if (first == "--help" || first == "-h" || first == "help")
        return print_result(help_for(arguments));
    const Verb& verb = verb_named(first);
    for (const std::string& argument : arguments) {
        if (argument == "--") break;
        if (argument == "--help" || argument == "-h") return print_result(verb.help);
    }
    return verb.run(arguments);
}

int run_and_explain(std::vector<std::string> arguments) {
    try {
        const int code = run(std::move(arguments));
        // A result that reached nobody is no success.
        if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0)
            throw std::system_error{errno, std::generic_category(), "cannot write the result"};
        return code;
    } catch (const ConfigError& error) {
        print_error(error.what());
        return to_int(ExitCode::usage);
    } catch (const ControlError& error) {
        print_error(error.what());
        return to_int(error.exit());
    } catch (const SchedulerError& error) {
        print_error(error.what());
        return to_int(ExitCode::crash);
    } catch (const DeterminismError& error) {
        print_error(error.what());
        return to_int(ExitCode::not_deterministic);
    } catch (const EnvironmentError& error) {
        print_error(error.what());
    } catch (const std::system_error& error) {
        print_error(error.what());
    } catch (const std::bad_alloc&) {
        print_error("the host has no memory left");
    }
    return to_int(ExitCode::environment);
}

}  // namespace
}  // namespace ring3

int main(int argc, char** argv) {
    // A file that may not grow further (ulimit -f) is an error like a full disk, and no signal.
    std::signal(SIGXFSZ, SIG_IGN);
    return ring3::run_and_explain({argv + 1, argv + argc});
}
