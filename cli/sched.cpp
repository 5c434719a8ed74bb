// SPDX-License-Identifier: MIT
// The verbs about who gets how much CPU time: sched, and those of xl: sched-credit, sched-credit2,
// sched-rtds, vcpu-pin.
#include <algorithm>
#include <charconv>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "cli/machine_choice.hpp"
#include "cli/verb.hpp"

namespace ring3 {
namespace {

std::int64_t whole_number(const std::string& what, const std::string& text) {
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size() || text.empty())
        throw ConfigError{fmt::format("{} takes a whole number, not \"{}\"", what, text)};
    return value;
}

void print_domains(const Json& domains) {
    fmt::print("{:<24} {:>4} {:>12} {:>7} {:>6} {:>10} {:>10} {:>6}  {}\n", "Name", "ID",
               "Scheduler", "Weight", "Cap(%)", "Period(us)", "Budget(us)", "Extra", "Affinity");
    const auto text = [](const Json& domain, const char* name) {
        return domain.contains(name) ? domain[name].dump() : std::string("-");
    };
    for (const Json& domain : domains) {
        std::string pins;
        for (const Json& pin : domain["affinity"])
            pins += (pins.empty() ? "" : " ") + pin.get<std::string>();
        fmt::print("{:<24} {:>4} {:>12} {:>7} {:>6} {:>10} {:>10} {:>6}  {}\n",
                   domain["name"].get<std::string>(), domain["id"].get<int>(),
                   domain["scheduler"].get<std::string>(), text(domain, "weight"),
                   text(domain, "cap_percent"), text(domain, "period_us"),
                   text(domain, "budget_us"), text(domain, "extra_time"), pins);
    }
}

int show(const MachineChoice& choice, const char* verb, const Json& domains) {
    if (choice.json)
        print_json(verb, domains);
    else
        print_domains(domains);
    return to_int(ExitCode::ok);
}

constexpr const char* sched_help =
    "usage: ring3 sched list\n"
    "       ring3 sched get DOMAIN\n"
    "       ring3 sched set DOMAIN KEY=VALUE...\n"
    "\n"
    "Shows and changes what the vCPUs of domains are promised. What a scheduler makes of it is "
    "its\n"
    "own affair: `ring3 policies scheduler` lists the schedulers. KEY is one of\n"
    "\n"
    "  weight       1 to 65535; 256 unless the config says otherwise\n"
    "  cap_percent  the most CPU time of the domain, in percent of one pCPU; 0: no limit\n"
    "  period_us    with budget_us: so much CPU time for each vCPU in each period\n"
    "  budget_us\n"
    "  extra_time   1: more than the budget when nobody else wants it; 0: no more\n"
    "\n"
    "  -M, --machine-name NAME   one of several machines\n"
    "      --json                as one JSON document\n";

int sched(std::span<const std::string> arguments) {
    MachineChoice choice;
    CommandLine line("sched");
    choice.add_to(line);
    const auto words =
        line.parse(arguments, {1, CommandLine::any_number, "list, get DOMAIN or set DOMAIN"});
    if (words[0] == "list" && words.size() == 1)
        return show(choice, "sched", choice.connect().request("sched-list"));
    if (words[0] == "get" && words.size() == 2)
        return show(choice, "sched",
                    choice.connect().request("sched-list", {{"domain", words[1]}}));
    if (words[0] != "set" || words.size() < 3)
        throw ConfigError{"ring3 sched takes list, get DOMAIN, or set DOMAIN KEY=VALUE..."};
    Json request{{"domain", words[1]}};
    for (std::size_t i = 2; i < words.size(); ++i) {
        const std::size_t equals = words[i].find('=');
        const std::string key = words[i].substr(0, equals);
        const std::vector<std::string> keys{"weight", "cap_percent", "period_us", "budget_us",
                                            "extra_time"};
        if (equals == std::string::npos || std::ranges::find(keys, key) == keys.end())
            throw ConfigError{
                fmt::format("ring3 sched set: \"{}\" is none of weight=, "
                            "cap_percent=, period_us=, budget_us=, extra_time=",
                            words[i])};
        request[key] = whole_number(key, words[i].substr(equals + 1));
    }
    return show(choice, "sched", Json::array({choice.connect().request("sched-set", request)}));
}

/// An option of xl's verb, and the member of the request that it is.
struct XlOption {
    const char* option;
    const char* letter;
    const char* member;
    const char* text;
};

/// One of xl's verbs; they are for machines with this scheduler.
struct XlVerb {
    const char* name;
    const char* scheduler;
    const char* summary;
    std::vector<XlOption> options;
};

const XlVerb xl_verbs[] = {
    {"sched-credit",
     "credit",
     "shows or sets weight and cap under the scheduler credit",
     {{"weight,w", "-w, --weight W  ", "weight", "1 to 65535"},
      {"cap,c", "-c, --cap C     ", "cap_percent", "in percent of one pCPU; 0: no limit"}}},
    {"sched-credit2",
     "credit2",
     "shows or sets weight and cap under the scheduler credit2",
     {{"weight,w", "-w, --weight W  ", "weight", "1 to 65535"},
      {"cap,c", "-c, --cap C     ", "cap_percent", "in percent of one pCPU; 0: no limit"}}},
    {"sched-rtds",
     "rtds",
     "shows or sets period and budget under the scheduler rtds",
     {{"period,p", "-p, --period US ", "period_us", "in microseconds"},
      {"budget,b", "-b, --budget US ", "budget_us", "in microseconds"},
      {"extratime,e", "-e, --extratime X", "extra_time", "1: more when nobody else wants it"}}},
};

std::string help_of(const XlVerb& verb) {
    std::string text = fmt::format(
        "usage: ring3 {} [-d DOMAIN] [OPTIONS]\n"
        "\n"
        "Shows what domains are promised, or with options changes it for the domain that -d "
        "names.\n"
        "\n"
        "  -d, --domain DOMAIN       a name or a number\n",
        verb.name);
    for (const XlOption& option : verb.options)
        text += fmt::format("  {:<25} {}\n", option.letter, option.text);
    return text +
           "  -M, --machine-name NAME   one of several machines\n"
           "      --json                as one JSON document\n";
}

int run(const XlVerb& verb, std::span<const std::string> arguments) {
    MachineChoice choice;
    std::string domain;
    std::vector<std::string> values(verb.options.size());
    CommandLine line(verb.name);
    choice.add_to(line).value("domain,d", domain);
    for (std::size_t i = 0; i < values.size(); ++i) line.value(verb.options[i].option, values[i]);
    line.parse(arguments, {});
    Json request = Json::object();
    for (std::size_t i = 0; i < values.size(); ++i)
        if (!values[i].empty())
            request[verb.options[i].member] = whole_number(verb.options[i].letter, values[i]);
    if (!request.empty() && domain.empty())
        throw ConfigError{fmt::format("ring3 {}: which domain? Name it by -d", verb.name)};
    Client client = choice.connect();
    if (const std::string scheduler = client.request("info")["scheduler"];
        scheduler != verb.scheduler)
        throw ConfigError{
            fmt::format("the machine's scheduler is {}, not {}; `ring3 sched` is for "
                        "all of them",
                        scheduler, verb.scheduler)};
    const bool sets = !request.empty();
    if (!domain.empty()) request["domain"] = domain;
    const Json answer = client.request(sets ? "sched-set" : "sched-list", request);
    return show(choice, verb.name, sets ? Json::array({answer}) : answer);
}

constexpr const char* pin_help =
    "usage: ring3 vcpu-pin [OPTIONS] DOMAIN VCPU CPUS\n"
    "\n"
    "Says on which pCPUs a vCPU may run. VCPU is a number or all; CPUS is all or a list such as\n"
    "0-3,5 or 0-7,^2.\n"
    "\n"
    "  -M, --machine-name NAME   one of several machines\n"
    "      --json                as one JSON document\n";

int vcpu_pin(std::span<const std::string> arguments) {
    MachineChoice choice;
    CommandLine line("vcpu-pin");
    const auto words = choice.add_to(line).parse(arguments, {3, 3, "DOMAIN VCPU CPUS"});
    Json request{{"domain", words[0]}, {"vcpu", words[1]}, {"cpus", words[2]}};
    if (words[1] != "all") request["number"] = whole_number("VCPU", words[1]);
    const Json answer = choice.connect().request("vcpu-pin", request);
    if (choice.json) print_json("vcpu-pin", answer);
    return to_int(ExitCode::ok);
}

struct RegisteredSchedVerbs {
    RegisteredSchedVerbs() {
        for (const XlVerb& verb : xl_verbs)
            RegisteredVerb{{verb.name, verb.summary, help_of(verb),
                            [&verb](auto arguments) { return run(verb, arguments); }}};
    }
};
const RegisteredSchedVerbs xl_entries;
const RegisteredVerb entries[] = {
    RegisteredVerb{
        {"sched", "shows or changes what domains are promised of the CPU", sched_help, sched}},
    RegisteredVerb{{"vcpu-pin", "says on which pCPUs a vCPU may run", pin_help, vcpu_pin}},
};

}  // namespace
}  // namespace ring3
