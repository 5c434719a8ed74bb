// SPDX-License-Identifier: MIT
// The verbs about CPU pools, those of xl: cpupool-list, -create, -destroy, -rename, -cpu-add,
// -cpu-remove, -migrate.
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "cli/machine_choice.hpp"
#include "cli/verb.hpp"
#include "hv/machine/config/xl_config.hpp"

namespace ring3 {
namespace {

/// As xl prints them.
void print_pools(const Json& pools, bool shows_cpus) {
    fmt::print("{:<19}{}\n", "Name",
               shows_cpus ? "CPU list" : "CPUs       Sched  Active  Domain count");
    for (const Json& pool : pools) {
        fmt::print("{:<19}", pool["name"].get<std::string>());
        if (shows_cpus)
            fmt::print("{}\n", fmt::join(pool["cpus"].get<std::vector<unsigned>>(), ","));
        else
            fmt::print("{:>4} {:>11}  {:>6}  {:>12}\n", pool["cpus"].size(),
                       pool["scheduler"].get<std::string>(), "y",
                       pool["domains"].get<std::uint64_t>());
    }
}

constexpr const char* list_help =
    "usage: ring3 cpupool-list [OPTIONS] [POOL]\n"
    "\n"
    "Lists the CPU pools of a machine: their pCPUs, schedulers and domains.\n"
    "\n"
    "  -c, --cpus                which pCPUs each of them has\n";

int list(std::span<const std::string> arguments) {
    MachineChoice choice;
    bool shows_cpus = false;
    CommandLine line("cpupool-list");
    const auto words =
        choice.add_to(line).flag("cpus,c", shows_cpus).parse(arguments, {0, 1, "a pool"});
    Json request = Json::object();
    if (!words.empty()) request["pool"] = words[0];
    const Json pools = choice.connect().request("cpupool-list", request);
    if (choice.json)
        print_json("cpupool-list", pools);
    else
        print_pools(pools, shows_cpus);
    return to_int(ExitCode::ok);
}

constexpr const char* create_help =
    "usage: ring3 cpupool-create [OPTIONS] [CONFIG] [KEY=VALUE...]\n"
    "\n"
    "Makes a CPU pool of free pCPUs: `ring3 cpupool-cpu-remove Pool-0 CPUS` frees some. CONFIG is "
    "a\n"
    "file with these keys, as xl has them; KEY=VALUE wins over it.\n"
    "\n"
    "  name=NAME                 of the pool; a domain's config names it by pool = \"NAME\"\n"
    "  sched=SCHEDULER           `ring3 policies scheduler` lists them; else Pool-0's\n"
    "  cpus=LIST                 2,3 or 2-3 or [\"2\", \"3\"]; else the first free one\n"
    "  PARAMETER=VALUE           of the scheduler: slice_us=5000\n"
    "\n";

std::string text_of(const std::string& path) {
    std::ifstream file(path);
    if (!file) throw EnvironmentError(fmt::format("cannot read the pool's config {}", path));
    return {std::istreambuf_iterator<char>(file), {}};
}

/// What the config and the words behind it say, as a request.
Json pool_request(const XlConfig& config) {
    Json request = Json::object();
    Json parameters = Json::object();
    for (const XlSetting& setting : config.settings()) {
        const std::string& key = setting.key;
        if (key == "cpus" && config.is_list(key))
            request[key] = fmt::format("{}", fmt::join(*config.list(key), ","));
        else if (key == "name" || key == "cpus")
            request[key] = *config.string(key);
        else if (key == "sched")
            request["scheduler"] = *config.string(key);
        else if (key == "nodes")
            config.refuse(key, "is not for this machine, which has no NUMA nodes; name cpus");
        else
            parameters[key] = *config.string(key);
    }
    request["parameters"] = std::move(parameters);
    if (!request.contains("name"))
        throw ConfigError{"ring3 cpupool-create: how is the pool called? name=NAME"};
    return request;
}

int create(std::span<const std::string> arguments) {
    MachineChoice choice;
    CommandLine line("cpupool-create");
    std::vector<std::string> words =
        choice.add_to(line).parse(arguments, {1, CommandLine::any_number, "a config or KEY=VALUE"});
    std::string path = "command line", text;
    if (words.front().find('=') == std::string::npos) {
        path = words.front();
        text = text_of(path);
        words.erase(words.begin());
    }
    const Json pool = choice.connect().request("cpupool-create", pool_request({path, text, words}));
    if (choice.json)
        print_json("cpupool-create", pool);
    else
        print_pools(Json::array({pool}), false);
    return to_int(ExitCode::ok);
}

/// A verb whose words are members of the request.
struct PoolVerb {
    const char* name;
    const char* summary;
    const char* usage;
    const char* text;
    std::vector<const char*> members;
};

const PoolVerb pool_verbs[] = {
    {"cpupool-destroy",
     "takes a CPU pool without domains away",
     "POOL",
     "Takes the pool away; its pCPUs are free then.",
     {"pool"}},
    {"cpupool-rename",
     "gives a CPU pool another name",
     "POOL NAME",
     "Gives the pool another name.",
     {"pool", "name"}},
    {"cpupool-cpu-add",
     "gives free pCPUs to a CPU pool",
     "POOL CPUS",
     "Gives pCPUs that are in no pool to this one. CPUS is a list such as 2-3, or all.",
     {"pool", "cpus"}},
    {"cpupool-cpu-remove",
     "takes pCPUs from a CPU pool",
     "POOL CPUS",
     "Takes pCPUs from the pool. A vCPU that was pinned to them alone may run on all that are "
     "left.",
     {"pool", "cpus"}},
    {"cpupool-migrate",
     "moves a domain to another CPU pool",
     "DOMAIN POOL",
     "Moves the domain to the pool. Its vCPUs may run on all pCPUs of it, wherever they were "
     "pinned.",
     {"domain", "pool"}},
};

int run(const PoolVerb& verb, std::span<const std::string> arguments) {
    MachineChoice choice;
    CommandLine line(verb.name);
    const auto words = choice.add_to(line).parse(
        arguments, {verb.members.size(), verb.members.size(), verb.usage});
    Json request = Json::object();
    for (std::size_t i = 0; i < words.size(); ++i) request[verb.members[i]] = words[i];
    return choice.ask(verb.name, request);
}

struct RegisteredPoolVerbs {
    RegisteredPoolVerbs() {
        for (const PoolVerb& verb : pool_verbs)
            RegisteredVerb{{verb.name, verb.summary,
                            fmt::format("usage: ring3 {} [OPTIONS] {}\n\n{}\n"
                                        "POOL is a name or a number, as `ring3 cpupool-list` shows "
                                        "them.\n\n{}",
                                        verb.name, verb.usage, verb.text, MachineChoice::help),
                            [&verb](auto arguments) { return run(verb, arguments); }}};
    }
};
const RegisteredPoolVerbs pool_entries;
const RegisteredVerb entries[] = {
    RegisteredVerb{{"cpupool-list", "lists the CPU pools of a machine",
                    std::string(list_help) + MachineChoice::help, list}},
    RegisteredVerb{{"cpupool-create", "makes a CPU pool with a scheduler of its own",
                    std::string(create_help) + MachineChoice::help, create}},
};

}  // namespace
}  // namespace ring3
