// SPDX-License-Identifier: MIT
// The verbs about devices of a running domain: network-attach, network-list and so on. Columns are
// those of xl.
#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

#include <poll.h>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "cli/create_options.hpp"
#include "cli/machine_choice.hpp"
#include "cli/verb.hpp"
#include "hv/machine/config/disks.hpp"

namespace ring3 {
namespace {

struct DeviceKind {
    const char* verb;  ///< "network" of network-list
    const char* word;
    const char* kind;  ///< as the store calls it
};
constexpr DeviceKind network{"network", "network interface", "vif"};
constexpr DeviceKind block{"block", "block device", "vbd"};

/// A guest is given so long to let go of a device.
constexpr int patience_ms = 10'000;
constexpr int look_every_ms = 50;

int number(const Json& device, const char* name) { return device[name].get<int>(); }

void print_interfaces(const Json& devices) {
    fmt::print("{:<3} {:<2} {:<17} {:<6} {:<5} {:<6} {:>5}/{:<11} {:<30}\n", "Idx", "BE",
               "Mac Addr.", "handle", "state", "evt-ch", "tx-", "rx-ring-ref", "BE-path");
    for (const Json& each : devices)
        fmt::print("{:<3} {:<2} {:<17} {:>6} {:>5} {:>6} {:>5}/{:<11} {:<30}\n",
                   number(each, "number"), number(each, "back_end_domain"),
                   each["mac"].get<std::string>(), number(each, "number"), number(each, "state"),
                   number(each, "event_channel"), number(each, "tx-ring-ref"),
                   number(each, "rx-ring-ref"), each["back_path"].get<std::string>());
}

void print_block_devices(const Json& devices) {
    fmt::print("{:<5} {:<3} {:<6} {:<5} {:<6} {:<8} {:<30}\n", "Vdev", "BE", "handle", "state",
               "evt-ch", "ring-ref", "BE-path");
    for (const Json& each : devices)
        fmt::print("{:<5} {:<3} {:<6} {:<5} {:<6} {:<8} {:<30}\n", number(each, "number"),
                   number(each, "back_end_domain"), number(each, "number"), number(each, "state"),
                   number(each, "event_channel"), number(each, "ring-ref"),
                   each["back_path"].get<std::string>());
}

int list(const DeviceKind& kind, std::span<const std::string> arguments) {
    MachineChoice choice;
    const std::string verb = fmt::format("{}-list", kind.verb);
    CommandLine line(verb);
    choice.add_to(line);
    const auto domains = line.parse(arguments, {1, CommandLine::any_number, "a domain"});
    Client client = choice.connect();
    Json all = Json::array();
    for (const std::string& domain : domains) {
        const Json devices =
            client.request("device-list", {{"domain", domain}, {"kind", kind.kind}});
        all.insert(all.end(), devices.begin(), devices.end());
    }
    if (choice.json)
        print_json(verb.c_str(), all);
    else if (kind.kind == network.kind)
        print_interfaces(all);
    else
        print_block_devices(all);
    return to_int(ExitCode::ok);
}

bool is_there(Client& client, const DeviceKind& kind, const std::string& domain, int wanted) {
    const Json devices = client.request("device-list", {{"domain", domain}, {"kind", kind.kind}});
    for (const Json& each : devices)
        if (number(each, "number") == wanted) return true;
    return false;
}

int detach(const DeviceKind& kind, std::span<const std::string> arguments) {
    MachineChoice choice;
    bool force = false;
    const std::string verb = fmt::format("{}-detach", kind.verb);
    CommandLine line(verb);
    choice.add_to(line).flag("force", force);
    const auto words = line.parse(arguments, {2, 2, "a domain and a device"});
    Client client = choice.connect();
    const Json detached = client.request(
        "device-detach",
        {{"domain", words[0]}, {"kind", kind.kind}, {"device", words[1]}, {"force", force}});
    int waited_ms = 0;
    while (is_there(client, kind, words[0], number(detached, "number"))) {
        if (waited_ms >= patience_ms)
            throw ControlError{"timeout", ExitCode::timeout,
                               fmt::format("\"{}\" does not let go of its {} {}; --force takes it "
                                           "away all the same",
                                           words[0], kind.word, words[1])};
        ::poll(nullptr, 0, look_every_ms);
        waited_ms += look_every_ms;
    }
    if (choice.json) print_json(verb.c_str(), detached);
    return to_int(ExitCode::ok);
}

int attach_interface(std::span<const std::string> arguments) {
    MachineChoice choice;
    CommandLine line("network-attach");
    choice.add_to(line);
    const auto words = line.parse(arguments, {1, CommandLine::any_number, "a domain and options"});
    const std::string spec = fmt::format("{}", fmt::join(words.begin() + 1, words.end(), ","));
    const Json attached = choice.connect().request(
        "vif-attach", {{"domain", words[0]},
                       {"spec", spec},
                       {"directory", std::filesystem::current_path().string()}});
    for (const Json& warning : attached["warnings"]) print_warning(warning.get<std::string>());
    if (choice.json) print_json("network-attach", attached);
    return to_int(ExitCode::ok);
}

int attach_disk(std::span<const std::string> arguments) {
    MachineChoice choice;
    CommandLine line("block-attach");
    choice.add_to(line);
    const auto words = line.parse(arguments, {2, CommandLine::any_number, "a domain and a disk"});
    // As xl takes it, one word or several; and as xm did: BACKEND FRONTEND MODE.
    const std::string spec = fmt::format("{}", fmt::join(words.begin() + 1, words.end(), ","));
    std::vector<std::string> notes;
    const DiskSpec disk = parse_disk(spec, notes);
    for (const std::string& note : notes) print_warning(note);
    Json files = Json::object();
    for (const std::string& path : {disk.source.path, disk.source.overlay_path})
        if (!path.empty()) files[path] = resolve_file(path);
    const Json attached = choice.connect().request(
        "disk-attach", {{"domain", words[0]}, {"spec", spec}, {"files", std::move(files)}});
    if (choice.json) print_json("block-attach", attached);
    return to_int(ExitCode::ok);
}

constexpr const char* common_options =
    "  -M, --machine-name NAME   one of several machines\n"
    "      --json                the answer as one JSON document\n";

std::string list_help(const DeviceKind& kind) {
    return fmt::format(
        "usage: ring3 {}-list [OPTIONS] DOMAIN...\n"
        "\n"
        "Lists the {}s of domains.\n"
        "\n{}",
        kind.verb, kind.word, common_options);
}

std::string detach_help(const DeviceKind& kind) {
    return fmt::format(
        "usage: ring3 {}-detach [OPTIONS] DOMAIN DEVICE\n"
        "\n"
        "Asks the domain to let go of a {}, and waits until it has. DEVICE is its number, or\n"
        "{}.\n"
        "\n"
        "      --force               take it away all the same\n{}",
        kind.verb, kind.word, kind.kind == network.kind ? "its MAC" : "its name, such as xvda",
        common_options);
}

std::string attach_interface_help() {
    return std::string(
               "usage: ring3 network-attach [OPTIONS] DOMAIN [KEY=VALUE...]\n"
               "\n"
               "Plugs a network interface into a domain. The words are those of vif = [...] in a "
               "config,\n"
               "such as bridge=nat mac=00:16:3e:01:02:03.\n"
               "\n") +
           common_options;
}

std::string attach_disk_help() {
    return std::string(
               "usage: ring3 block-attach [OPTIONS] DOMAIN DISK\n"
               "\n"
               "Plugs a disk into a domain. DISK is as in disk = [...] of a config, such as\n"
               "file:/path/to/disk.img,xvdb,w. It stays the domain's until block-detach.\n"
               "\n") +
           common_options;
}

Verb verb_for(const char* name, const char* summary, std::string help,
              int (*run)(const DeviceKind&, std::span<const std::string>), const DeviceKind& kind) {
    return {name, summary, std::move(help),
            [run, &kind](auto arguments) { return run(kind, arguments); }, VerbGroup::device};
}

const RegisteredVerb entries[] = {
    RegisteredVerb{{"network-attach", "plugs a network interface into a domain",
                    attach_interface_help(), attach_interface, VerbGroup::device}},
    RegisteredVerb{verb_for("network-list", "lists a domain's network interfaces",
                            list_help(network), list, network)},
    RegisteredVerb{verb_for("network-detach", "unplugs a network interface from a domain",
                            detach_help(network), detach, network)},
    RegisteredVerb{{"block-attach", "plugs a disk into a domain", attach_disk_help(), attach_disk,
                    VerbGroup::device}},
    RegisteredVerb{
        verb_for("block-list", "lists a domain's block devices", list_help(block), list, block)},
    RegisteredVerb{verb_for("block-detach", "unplugs a block device from a domain",
                            detach_help(block), detach, block)},
};

}  // namespace
}  // namespace ring3
