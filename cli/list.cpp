// SPDX-License-Identifier: MIT
// The verbs that show domains: list, vcpu-list, uptime, domid, domname. Columns are those of xl.
#include <cstdio>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "cli/machine_choice.hpp"
#include "cli/verb.hpp"

namespace ring3 {
namespace {

double seconds(const Json& nanoseconds) { return nanoseconds.get<double>() / 1e9; }

/// "r-----", "-b----": running, blocked, paused, shut down, crashed, dying.
std::string state_letters(const std::string& state) {
    std::string letters = "------";
    constexpr const char* names[] = {"running", "blocked", "paused", "shutdown", "crashed"};
    for (std::size_t i = 0; i < std::size(names); ++i)
        if (state == names[i]) letters[i] = "rbpsc"[i];
    if (letters[4] == 'c') letters[3] = 's';
    return letters;
}

void print_domains(const Json& domains) {
    fmt::print("{:<40} {:>5} {:>5} {:>5}\t{:>5}\t{:>5}\n", "Name", "ID", "Mem", "VCPUs", "State",
               "Time(s)");
    for (const Json& domain : domains)
        fmt::print("{:<40} {:>5} {:>5} {:>5}     {:<6}  {:>8.1f}\n",
                   domain["name"].get<std::string>(), domain["id"].get<int>(),
                   domain["memory_mib"].get<std::uint64_t>(), domain["vcpus"].get<unsigned>(),
                   state_letters(domain["state"]), seconds(domain["cpu_time_ns"]));
}

void print_vcpus(const Json& domains) {
    fmt::print("{:<32} {:>5} {:>5} {:>5} {:>5} {:>9} {}\n", "Name", "ID", "VCPU", "CPU", "State",
               "Time(s)", "Affinity (Hard / Soft)");
    for (const Json& domain : domains) {
        for (const Json& vcpu : domain["vcpu_list"]) {
            const std::string state = vcpu["state"];
            const bool online = vcpu["online"];
            const std::string where = online ? fmt::to_string(vcpu["pcpu"].get<int>()) : "-";
            const char* letters = "--p";
            if (online) letters = state == "blocked" ? "-b-" : "r--";
            fmt::print("{:<32} {:>5} {:>5} {:>5} {:>5} {:>9.1f}  {} / all\n",
                       domain["name"].get<std::string>(), domain["id"].get<int>(),
                       vcpu["vcpu"].get<int>(), where, letters, seconds(vcpu["cpu_time_ns"]),
                       vcpu["affinity"].get<std::string>());
        }
    }
}

std::string readable_time(std::uint64_t s) {
    const std::uint64_t days = s / 86400;
    return fmt::format("{}{:2}:{:02}:{:02}",
                       days == 0 ? "" : fmt::format("{} day{}, ", days, days == 1 ? "" : "s"),
                       s / 3600 % 24, s / 60 % 60, s % 60);
}

void print_uptimes(const Json& domains) {
    fmt::print("{:<33} {:>4} {}\n", "Name", "ID", "Uptime");
    for (const Json& domain : domains)
        fmt::print("{:<33} {:>4} {}\n", domain["name"].get<std::string>(), domain["id"].get<int>(),
                   readable_time(domain["uptime_ns"].get<std::uint64_t>() / 1'000'000'000));
}

void print_ids(const Json& domains) {
    for (const Json& domain : domains) fmt::print("{}\n", domain["id"].get<int>());
}

void print_names(const Json& domains) {
    for (const Json& domain : domains) fmt::print("{}\n", domain["name"].get<std::string>());
}

struct ListVerb {
    const char* name;
    const char* summary;
    const char* usage;
    const char* text;
    CommandLine::Words words;
    void (*print)(const Json& domains);
};

constexpr ListVerb list_verbs[] = {
    {"list",
     "lists the domains of a machine",
     "[DOMAIN...]",
     "Lists all domains, or those named: their memory in MiB, their vCPUs, their state (running,\n"
     "blocked, paused, shut down, crashed) and the CPU time that they have had.",
     {0, CommandLine::any_number, "domains"},
     print_domains},
    {"vcpu-list",
     "lists the vCPUs of domains",
     "[DOMAIN...]",
     "Lists the vCPUs of all domains, or of those named.",
     {0, CommandLine::any_number, "domains"},
     print_vcpus},
    {"uptime",
     "tells how long domains have been up",
     "[DOMAIN...]",
     "Tells how long all domains, or those named, have been up.",
     {0, CommandLine::any_number, "domains"},
     print_uptimes},
    {"domid",
     "tells a domain's number",
     "NAME",
     "Prints the number of the domain of this name.",
     {1, 1, "a domain's name"},
     print_ids},
    {"domname",
     "tells a domain's name",
     "ID",
     "Prints the name of the domain of this number.",
     {1, 1, "a domain's number"},
     print_names},
};

int run(const ListVerb& verb, std::span<const std::string> arguments) {
    MachineChoice choice;
    bool is_long = false;
    CommandLine line(verb.name);
    choice.add_to(line).flag("long,l", is_long);
    const std::vector<std::string> words = line.parse(arguments, verb.words);
    const Json domains = choice.connect().request("list", {{"domains", words}});
    if (choice.json || is_long)
        print_json(verb.name, domains);
    else
        verb.print(domains);
    return to_int(ExitCode::ok);
}

struct RegisteredListVerbs {
    RegisteredListVerbs() {
        for (const ListVerb& verb : list_verbs)
            RegisteredVerb{{verb.name, verb.summary,
                            fmt::format("usage: ring3 {} [OPTIONS] {}\n\n{}\n\n"
                                        "  -l, --long                all that is known, as JSON\n"
                                        "  -M, --machine-name NAME   one of several machines\n"
                                        "      --json                the same as --long\n",
                                        verb.name, verb.usage, verb.text),
                            [&verb](auto arguments) { return run(verb, arguments); }}};
    }
};
const RegisteredListVerbs entries;

}  // namespace
}  // namespace ring3
