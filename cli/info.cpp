// SPDX-License-Identifier: MIT
// The verbs about a machine itself: info, dmesg, machines.
#include <cstdio>
#include <fstream>
#include <string>

#include <fmt/format.h>

#include "cli/machine_choice.hpp"
#include "cli/verb.hpp"

namespace ring3 {
namespace {

constexpr const char* info_help =
    "usage: ring3 info [OPTIONS]\n"
    "\n"
    "Tells about the machine: its process, its memory, its policies.\n"
    "\n"
    "  -p, --parameters          all parameters in effect, in the form of a machine file\n"
    "  -M, --machine-name NAME   one of several machines\n"
    "      --json                as one JSON document\n";

void print_value(const std::string& name, const Json& value) {
    fmt::print("{:<23}: {}\n", name, value.is_string() ? value.get<std::string>() : value.dump());
}

int info(std::span<const std::string> arguments) {
    MachineChoice choice;
    bool parameters = false;
    CommandLine line("info");
    choice.add_to(line).flag("parameters,p", parameters);
    line.parse(arguments, {});
    const Json info = choice.connect().request("info");
    if (choice.json)
        print_json("info", info);
    else if (parameters)
        fmt::print("{}", info["parameters"].get<std::string>());
    else
        for (const auto& [name, value] : info.items())
            if (name != "parameters") print_value(name, value);
    return to_int(ExitCode::ok);
}

constexpr const char* dmesg_help =
    "usage: ring3 dmesg [OPTIONS]\n"
    "\n"
    "Prints the hypervisor's own log: the last 1000 lines.\n"
    "\n"
    "  -c, --clear               clear it as well\n"
    "      --old                 the log of the run before, or of a machine that has died\n"
    "  -M, --machine-name NAME   one of several machines\n"
    "      --json                as one JSON document\n";

/// A machine writes its log to a file, too.
int print_log_file(const MachineChoice& choice) {
    const Endpoint endpoint = choice.endpoint();
    std::string path = endpoint.log().string();
    if (Client::connect_if_up(endpoint)) path += ".old";
    std::ifstream file(path);
    if (!file) throw EnvironmentError{fmt::format("there is no log of an earlier run at {}", path)};
    Json lines = Json::array();
    for (std::string line; std::getline(file, line);) {
        if (!choice.json) fmt::print("{}\n", line);
        lines.push_back(std::move(line));
    }
    if (choice.json) print_json("dmesg", lines);
    return to_int(ExitCode::ok);
}

int dmesg(std::span<const std::string> arguments) {
    MachineChoice choice;
    bool clear = false, old = false;
    CommandLine line("dmesg");
    choice.add_to(line).flag("clear,c", clear).flag("old", old);
    line.parse(arguments, {});
    if (old) return print_log_file(choice);
    const Json lines = choice.connect().request("dmesg", {{"clear", clear}});
    if (choice.json) {
        print_json("dmesg", lines);
        return to_int(ExitCode::ok);
    }
    for (const Json& each : lines)
        fmt::print("[{:12.6f}] {}: {}\n", each["time_ns"].get<double>() / 1e9,
                   each["level"].get<std::string>(), each["text"].get<std::string>());
    return to_int(ExitCode::ok);
}

constexpr const char* machines_help =
    "usage: ring3 machines [OPTIONS]\n"
    "\n"
    "Lists the machines of this user that are up.\n"
    "\n"
    "      --json                as one JSON document\n";

int machines(std::span<const std::string> arguments) {
    bool json = false;
    CommandLine line("machines");
    line.flag("json", json).parse(arguments, {});
    Json all = Json::array();
    for (const std::string& name : Endpoint::machines())
        if (auto client = Client::connect_if_up(Endpoint(name)))
            all.push_back(client->request("info"));
    if (json) {
        print_json("machines", all);
        return to_int(ExitCode::ok);
    }
    fmt::print("{:<32} {:>8} {:>7} {:>8} {:>8}\n", "Name", "PID", "Domains", "Mem", "Free");
    for (const Json& each : all)
        fmt::print("{:<32} {:>8} {:>7} {:>8} {:>8}\n", each["machine_name"].get<std::string>(),
                   each["pid"].get<int>(), each["domains"].get<int>(),
                   each["total_memory_mib"].get<std::uint64_t>(),
                   each["free_memory_mib"].get<std::uint64_t>());
    return to_int(ExitCode::ok);
}

const RegisteredVerb entries[] = {
    RegisteredVerb{{"info", "tells about a machine", info_help, info, VerbGroup::machine}},
    RegisteredVerb{
        {"dmesg", "prints the hypervisor's own log", dmesg_help, dmesg, VerbGroup::machine}},
    RegisteredVerb{{"machines", "lists the machines that are up", machines_help, machines,
                    VerbGroup::machine}},
};

}  // namespace
}  // namespace ring3
