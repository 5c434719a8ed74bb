// SPDX-License-Identifier: MIT
// The verbs about vCPUs and who gets how much CPU time: sched, and those of xl: sched-credit,
// sched-credit2, sched-rtds, vcpu-pin, vcpu-set.
#include <algorithm>
#include <charconv>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

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

std::string text_of(const Json& params, const char* name) {
    return params.contains(name) ? params[name].dump() : std::string("-");
}

bool differ(const Json& vcpus) {
    for (const Json& vcpu : vcpus)
        for (const char* name : {"weight", "period_us", "budget_us", "extra_time"})
            if (text_of(vcpu, name) != text_of(vcpus.front(), name)) return true;
    return false;
}

void print_row(const std::string& name, const std::string& id, const std::string& scheduler,
               const Json& params, const std::string& pins) {
    fmt::print("{:<24} {:>4} {:>12} {:>7} {:>6} {:>10} {:>10} {:>6}  {}\n", name, id, scheduler,
               text_of(params, "weight"), text_of(params, "cap_percent"),
               text_of(params, "period_us"), text_of(params, "budget_us"),
               text_of(params, "extra_time"), pins);
}

/// vCPUs have a line of their own where they were promised different things.
void print_domains(const Json& domains) {
    fmt::print("{:<24} {:>4} {:>12} {:>7} {:>6} {:>10} {:>10} {:>6}  {}\n", "Name", "ID",
               "Scheduler", "Weight", "Cap(%)", "Period(us)", "Budget(us)", "Extra", "Affinity");
    for (const Json& domain : domains) {
        const auto affinity = domain["affinity"].get<std::vector<std::string>>();
        print_row(domain["name"], domain["id"].dump(), domain["scheduler"], domain,
                  fmt::format("{}", fmt::join(affinity, " ")));
        const Json& vcpus = domain["vcpus"];
        if (!differ(vcpus)) continue;
        for (std::size_t vcpu = 0; vcpu < vcpus.size(); ++vcpu)
            print_row(fmt::format("  vCPU {}", vcpu), "", "", vcpus[vcpu], affinity[vcpu]);
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
    "       ring3 sched set DOMAIN [vcpu=N] KEY=VALUE...\n"
    "       ring3 sched switch [-p POOL] SCHEDULER [PARAMETER=VALUE...]\n"
    "\n"
    "Shows and changes what the vCPUs of domains, Domain-0 too, are promised, or, with vcpu=N, one "
    "of\n"
    "them. What a scheduler makes of it is its own affair. KEY is one of\n"
    "\n"
    "  weight       1 to 65535; 256 unless the config says otherwise\n"
    "  cap_percent  the most CPU time of the domain, in percent of one pCPU; 0: no limit\n"
    "  period_us    with budget_us: so much CPU time for each vCPU in each period\n"
    "  budget_us\n"
    "  extra_time   1: more than the budget when nobody else wants it; 0: no more\n"
    "  warp         under bvt: how many of its charging units a domain borrows when it wakes\n"
    "\n"
    "switch gives a CPU pool, else Pool-0, another scheduler: `ring3 policies scheduler` lists "
    "them,\n"
    "and `ring3 policies scheduler NAME` their parameters. What vCPUs are promised and who of them "
    "can\n"
    "run is handed over; what they had saved or owed is not.\n"
    "\n"
    "  -p, --cpupool POOL        a pool's name or number\n";

int set_promises(const MachineChoice& choice, const std::vector<std::string>& words) {
    const std::vector<std::string> keys{"vcpu",      "weight",     "cap_percent", "period_us",
                                        "budget_us", "extra_time", "warp"};
    Json request{{"domain", words[1]}};
    for (std::size_t i = 2; i < words.size(); ++i) {
        const std::size_t equals = words[i].find('=');
        const std::string key = words[i].substr(0, equals);
        if (equals == std::string::npos || std::ranges::find(keys, key) == keys.end())
            throw ConfigError{fmt::format("ring3 sched set: \"{}\" is none of {}=", words[i],
                                          fmt::join(keys, "=, "))};
        request[key] = whole_number(key, words[i].substr(equals + 1));
    }
    return show(choice, "sched", Json::array({choice.connect().request("sched-set", request)}));
}

int switch_scheduler(const MachineChoice& choice, const std::string& pool,
                     const std::vector<std::string>& words) {
    Json parameters = Json::object();
    for (std::size_t i = 2; i < words.size(); ++i) {
        const std::size_t equals = words[i].find('=');
        if (equals == std::string::npos)
            throw ConfigError{
                fmt::format("ring3 sched switch: \"{}\" is no PARAMETER=VALUE", words[i])};
        parameters[words[i].substr(0, equals)] = words[i].substr(equals + 1);
    }
    Json request{{"scheduler", words[1]}, {"parameters", std::move(parameters)}};
    if (!pool.empty()) request["pool"] = pool;
    const Json answer = choice.connect().request("sched-switch", request);
    if (choice.json) print_json("sched", answer);
    return to_int(ExitCode::ok);
}

int sched(std::span<const std::string> arguments) {
    MachineChoice choice;
    std::string pool;
    CommandLine line("sched");
    choice.add_to(line).value("cpupool,p", pool);
    const auto words = line.parse(arguments, {1, CommandLine::any_number,
                                              "list, get DOMAIN, set DOMAIN or switch SCHEDULER"});
    if (!pool.empty() && words[0] != "switch")
        throw ConfigError{"ring3 sched: only switch takes a CPU pool"};
    if (words[0] == "list" && words.size() == 1)
        return show(choice, "sched", choice.connect().request("sched-list"));
    if (words[0] == "get" && words.size() == 2)
        return show(choice, "sched",
                    choice.connect().request("sched-list", {{"domain", words[1]}}));
    if (words[0] == "set" && words.size() >= 3) return set_promises(choice, words);
    if (words[0] == "switch" && words.size() >= 2) return switch_scheduler(choice, pool, words);
    throw ConfigError{
        "ring3 sched takes list, get DOMAIN, set DOMAIN KEY=VALUE..., or switch SCHEDULER; `ring3 "
        "help sched` tells"};
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
     {{"vcpuid,v", "-v, --vcpuid N  ", "vcpu", "one vCPU; all or nothing: all of the domain"},
      {"period,p", "-p, --period US ", "period_us", "in microseconds"},
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
    return text + MachineChoice::help;
}

int run(const XlVerb& verb, std::span<const std::string> arguments) {
    MachineChoice choice;
    std::string domain;
    // The last one counts, as in xl.
    std::vector<std::vector<std::string>> values(verb.options.size());
    CommandLine line(verb.name);
    choice.add_to(line).value("domain,d", domain);
    for (std::size_t i = 0; i < values.size(); ++i) line.values(verb.options[i].option, values[i]);
    line.parse(arguments, {});
    Json request = Json::object();
    for (std::size_t i = 0; i < values.size(); ++i) {
        const XlOption& option = verb.options[i];
        const bool is_all = option.member == std::string_view("vcpu") && !values[i].empty() &&
                            values[i].back() == "all";
        if (!values[i].empty() && !is_all)
            request[option.member] = whole_number(option.letter, values[i].back());
    }
    if (!request.empty() && domain.empty())
        throw ConfigError{fmt::format("ring3 {}: which domain? Name it by -d", verb.name)};
    if (request.contains("vcpu") && request.size() == 1)
        throw ConfigError{fmt::format("ring3 {}: what is to be set of the vCPU?", verb.name)};
    Client client = choice.connect();
    const Json all =
        client.request("sched-list", domain.empty() ? Json::object() : Json{{"domain", domain}});
    Json theirs = Json::array();
    for (const Json& each : all)
        if (each["scheduler"] == verb.scheduler) theirs.push_back(each);
    if (theirs.empty())
        throw ConfigError{
            fmt::format("{}'s scheduler is {}, not {}; `ring3 sched` is for all of "
                        "them",
                        domain.empty() ? "Domain-0" : domain,
                        all[0]["scheduler"].get<std::string>(), verb.scheduler)};
    if (request.empty()) return show(choice, verb.name, theirs);
    request["domain"] = domain;
    return show(choice, verb.name, Json::array({client.request("sched-set", request)}));
}

constexpr const char* pin_help =
    "usage: ring3 vcpu-pin [OPTIONS] DOMAIN VCPU CPUS\n"
    "\n"
    "Says on which pCPUs a vCPU may run. VCPU is a number or all; CPUS is all or a list such as\n"
    "0-3,5 or 0-7,^2.\n"
    "\n";

int vcpu_pin(std::span<const std::string> arguments) {
    MachineChoice choice;
    CommandLine line("vcpu-pin");
    const auto words = choice.add_to(line).parse(arguments, {3, 3, "DOMAIN VCPU CPUS"});
    Json request{{"domain", words[0]}, {"vcpu", words[1]}, {"cpus", words[2]}};
    if (words[1] != "all") request["number"] = whole_number("VCPU", words[1]);
    return choice.ask("vcpu-pin", request);
}

constexpr const char* set_help =
    "usage: ring3 vcpu-set [OPTIONS] DOMAIN COUNT\n"
    "\n"
    "Asks the domain's kernel to have COUNT vCPUs, 1 to its maxvcpus. Linux takes the others off\n"
    "line; those that may come back its udev brings up, or echo 1 >.../cpuN/online.\n"
    "\n";

int vcpu_set(std::span<const std::string> arguments) {
    MachineChoice choice;
    CommandLine line("vcpu-set");
    const auto words = choice.add_to(line).parse(arguments, {2, 2, "DOMAIN COUNT"});
    return choice.ask("vcpu-set",
                      {{"domain", words[0]}, {"count", whole_number("COUNT", words[1])}});
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
    RegisteredVerb{{"sched", "shows or changes what domains are promised of the CPU",
                    std::string(sched_help) + MachineChoice::help, sched}},
    RegisteredVerb{{"vcpu-set", "asks a domain to have so many vCPUs on line",
                    std::string(set_help) + MachineChoice::help, vcpu_set}},
    RegisteredVerb{{"vcpu-pin", "says on which pCPUs a vCPU may run",
                    std::string(pin_help) + MachineChoice::help, vcpu_pin}},
};

}  // namespace
}  // namespace ring3
