// SPDX-License-Identifier: MIT
// The verbs that ask one thing of domains that are named: pause, unpause, destroy, shutdown,
// reboot, rename, sysrq, mem-set, mem-max, dump-core. They are rows of one table.
#include <cctype>
#include <filesystem>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "cli/machine_choice.hpp"
#include "cli/verb.hpp"

namespace ring3 {
namespace {

/// Options that some of the verbs have.
enum Extra : unsigned { none = 0, waits = 1, all = 2, forces = 4 };

struct DomainVerb {
    const char* name;
    const char* summary;
    /// What stands behind the usage line.
    const char* text;
    /// Behind the domain.
    const char* word;      ///< as the usage names it; null: none
    const char* argument;  ///< as the request names it
    unsigned extras;
};

constexpr DomainVerb domain_verbs[] = {
    {"pause", "stops a domain's vCPUs until unpause", "Stops the vCPUs of each domain.", nullptr,
     nullptr, all},
    {"unpause", "lets a paused domain go on", "Lets the vCPUs of each domain go on.", nullptr,
     nullptr, all},
    {"destroy", "ends a domain at once", "Ends each domain at once, without asking it.", nullptr,
     nullptr, forces},
    {"shutdown", "asks a domain to shut down",
     "Asks the kernel of each domain to shut down. One that does not listen goes on: see destroy.",
     nullptr, nullptr, waits | all | forces},
    {"reboot", "asks a domain to reboot", "Asks the kernel of each domain to reboot.", nullptr,
     nullptr, all | forces},
    {"rename", "gives a domain another name", "Gives the domain another name.", "NAME", "name",
     none},
    {"sysrq", "sends a magic SysRq key to a domain",
     "Sends a magic SysRq key to the domain's kernel, such as s (sync) or t (tasks).", "KEY", "key",
     none},
    {"mem-set", "asks a domain to give memory back, or to take more",
     "Sets the domain's target: its balloon driver gives memory back, or takes more, up to the\n"
     "domain's maximum. AMOUNT is in MiB, or has a unit: k, m, g.",
     "AMOUNT", "kib", none},
    {"mem-max", "sets the most memory that a domain may have",
     "Sets the domain's maximum, as maxmem in its config does, until the domain is built anew. It\n"
     "cannot be less than the target: see mem-set. AMOUNT is in MiB, or has a unit: k, m, g.",
     "AMOUNT", "kib", none},
    {"dump-core", "writes a domain's memory as a core file for gdb",
     "Writes the domain's memory and registers as an ELF core, which gdb opens beside the guest's\n"
     "kernel. The domain does not run meanwhile.",
     "FILE", "path", none},
};

std::string help_of(const DomainVerb& verb) {
    std::string text =
        fmt::format("usage: ring3 {} [OPTIONS] DOMAIN{}\n\n{}\n\n", verb.name,
                    verb.word == nullptr ? "..." : fmt::format(" {}", verb.word), verb.text);
    text += "DOMAIN is a name or a number, as `ring3 list` shows them.\n\n";
    if ((verb.extras & all) != 0) text += "  -a, --all                 all domains but Domain-0\n";
    if ((verb.extras & waits) != 0)
        text += "  -w, --wait                wait until the domains have ended\n";
    if ((verb.extras & forces) != 0)
        text +=
            "  -F, --force               accepted, as xl has it; without effect on PV domains\n";
    return text +
           "  -M, --machine-name NAME   one of several machines\n"
           "      --json                print the domains as one JSON document\n";
}

/// KiB, from "256" (MiB), "256m", "1g", "262144k".
std::int64_t amount_kib(const std::string& text) {
    std::size_t digits = 0;
    while (digits < text.size() && std::isdigit(static_cast<unsigned char>(text[digits])) != 0)
        ++digits;
    const std::string unit = text.substr(digits);
    std::int64_t kib_per_unit = 0;
    if (unit.empty() || unit == "m" || unit == "M") kib_per_unit = 1024;
    if (unit == "k" || unit == "K") kib_per_unit = 1;
    if (unit == "g" || unit == "G") kib_per_unit = 1024 * 1024;
    // At most 10 digits: no overflow, and more than any machine has.
    if (digits == 0 || digits > 10 || kib_per_unit == 0)
        throw ConfigError{
            fmt::format("\"{}\" is no amount of memory: 256 (MiB), 256m, 1g, 262144k", text)};
    return std::stoll(text.substr(0, digits)) * kib_per_unit;
}

/// The second word as the request has it.
Json value_of(std::string_view argument, const std::string& word) {
    if (argument == "kib") return amount_kib(word);
    if (argument == "path") return std::filesystem::absolute(word).string();
    return word;
}

std::vector<std::string> all_domains(Client& client) {
    std::vector<std::string> ids;
    for (const Json& domain : client.request("list"))
        if (domain["id"] != 0 && !domain.contains("shutdown_reason"))
            ids.push_back(fmt::to_string(domain["id"].get<int>()));
    return ids;
}

void wait_for(Client& client, const Json& domains) {
    std::vector<std::string> ids;
    for (const Json& domain : domains) ids.push_back(fmt::to_string(domain["id"].get<int>()));
    client.request("wait", {{"domains", ids}});
    while (!client.receive().contains("end")) continue;
}

int run(const DomainVerb& verb, std::span<const std::string> arguments) {
    MachineChoice choice;
    bool wants_all = false, wants_wait = false, force = false;
    CommandLine line(verb.name);
    choice.add_to(line);
    if ((verb.extras & all) != 0) line.flag("all,a", wants_all);
    if ((verb.extras & waits) != 0) line.flag("wait,w", wants_wait);
    if ((verb.extras & forces) != 0) line.flag(verb.name[0] == 'd' ? "force,f" : "force,F", force);
    const std::string names =
        verb.word == nullptr ? "a domain" : fmt::format("a domain and {}", verb.word);
    std::vector<std::string> words = line.parse(
        arguments,
        {std::size_t{0}, verb.word == nullptr ? CommandLine::any_number : 2, names.c_str()});
    if (wants_all != words.empty() || (verb.word != nullptr && words.size() != 2))
        throw ConfigError{
            fmt::format("ring3 {} takes {}; `ring3 help {}` tells", verb.name, names, verb.name)};
    Json more = Json::object();
    if (verb.word != nullptr) {
        more[verb.argument] = value_of(verb.argument, words[1]);
        words.pop_back();
    }

    Client client = choice.connect();
    if (wants_all) words = all_domains(client);
    Json done = Json::array();
    for (const std::string& domain : words) {
        more["domain"] = domain;
        done.push_back(client.request(verb.name, more));
    }
    if (wants_wait) wait_for(client, done);
    if (choice.json) print_json(verb.name, done);
    return to_int(ExitCode::ok);
}

struct RegisteredDomainVerbs {
    RegisteredDomainVerbs() {
        for (const DomainVerb& verb : domain_verbs)
            RegisteredVerb{{verb.name, verb.summary, help_of(verb),
                            [&verb](auto arguments) { return run(verb, arguments); }}};
    }
};
const RegisteredDomainVerbs entries;

}  // namespace
}  // namespace ring3
