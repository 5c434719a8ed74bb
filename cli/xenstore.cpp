// SPDX-License-Identifier: MIT
// ring3 xenstore: the store of a machine, as the tools xenstore-ls, xenstore-read and so on show
// it.
#include <cstdio>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "cli/machine_choice.hpp"
#include "cli/verb.hpp"
#include "hv/base/nearest_name.hpp"

namespace ring3 {
namespace {

constexpr const char* help =
    "usage: ring3 xenstore ls [-f] [-p] [PATH...]      show a node and all below it\n"
    "       ring3 xenstore list [-p] PATH...           the names of the nodes below\n"
    "       ring3 xenstore read [-p] PATH...           values, one on a line\n"
    "       ring3 xenstore write PATH VALUE [PATH VALUE...]\n"
    "       ring3 xenstore rm PATH...                  remove nodes with all below them\n"
    "       ring3 xenstore exists PATH...              exit code 1 when one is missing\n"
    "       ring3 xenstore chmod PATH PERMISSION...    such as n1 r2: owner 1, 2 may read\n"
    "       ring3 xenstore watch [-n COUNT] PATH...    print each path that changes\n"
    "\n"
    "  -f                        whole paths\n"
    "  -p                        permissions too; in front of paths, with read and list\n"
    "  -n COUNT                  end after so many changes\n"
    "  -M, --machine-name NAME   one of several machines\n"
    "      --json                the answer as one JSON document; watch: one on each line\n";

struct Options {
    MachineChoice choice;
    bool full = false, permissions = false;
    std::string count;
};
using Words = std::span<const std::string>;

/// A value as xenstore-ls prints it: with escapes for what is not printable.
std::string printable(const std::string& bytes) {
    std::string text;
    for (const char c : bytes) {
        const auto code = static_cast<unsigned char>(c);
        if (c == '\\' || c == '"')
            text += fmt::format("\\{}", c);
        else if (c == '\n')
            text += "\\n";
        else if (c == '\t')
            text += "\\t";
        else if (c == '\r')
            text += "\\r";
        else if (code < 0x20 || code >= 0x7f)
            text += fmt::format("\\x{:02x}", code);
        else
            text += c;
    }
    return text;
}

std::string suffix(const Json& node, const Options& options) {
    return options.permissions ? fmt::format("   ({})", node["permissions"].get<std::string>())
                               : std::string{};
}

void print_below(const Json& node, const Options& options, const std::string& path, int depth) {
    for (const Json& child : node["children"]) {
        const std::string name = child["name"];
        const std::string whole = (path == "/" ? "" : path) + "/" + name;
        fmt::print(
            "{:{}}{} = \"{}\"{}\n", "", options.full ? 0 : depth, options.full ? whole : name,
            printable(bytes_of_text(child["value"].get<std::string>())), suffix(child, options));
        print_below(child, options, whole, depth + 1);
    }
}

int ls(Client& client, const Options& options, Words words) {
    std::vector<std::string> paths(words.begin(), words.end());
    if (paths.empty()) paths.emplace_back("/");
    Json all = Json::array();
    for (const std::string& path : paths) {
        all.push_back(client.request("store-tree", {{"path", path}}));
        if (!options.choice.json) print_below(all.back(), options, path, 0);
    }
    if (options.choice.json) print_json("xenstore", all);
    return to_int(ExitCode::ok);
}

int list(Client& client, const Options& options, Words paths) {
    Json names = Json::array();
    for (const std::string& path : paths) {
        const Json node = client.request("store-tree", {{"path", path}});
        for (const Json& child : node["children"]) {
            const std::string name = child["name"];
            const std::string shown = options.permissions ? path + "/" + name : name;
            names.push_back(shown);
            if (!options.choice.json) fmt::print("{}\n", shown);
        }
    }
    if (options.choice.json) print_json("xenstore", names);
    return to_int(ExitCode::ok);
}

int read(Client& client, const Options& options, Words paths) {
    Json values = Json::object();
    for (const std::string& path : paths) {
        const Json value = client.request("store-read", {{"path", path}});
        values[path] = value;
        if (options.choice.json) continue;
        fmt::print("{}{}\n", options.permissions ? path + ": " : "",
                   printable(bytes_of_text(value.get<std::string>())));
    }
    if (options.choice.json) print_json("xenstore", values);
    return to_int(ExitCode::ok);
}

/// Nothing to show but that it is done.
int done(const Options& options) {
    if (options.choice.json) print_json("xenstore", Json::object());
    return to_int(ExitCode::ok);
}

int write(Client& client, const Options& options, Words words) {
    if (words.size() % 2 != 0)
        throw ConfigError{"ring3 xenstore write takes pairs of a path and a value"};
    for (std::size_t i = 0; i < words.size(); i += 2)
        client.request("store-write", {{"path", words[i]}, {"value", text_of_bytes(words[i + 1])}});
    return done(options);
}

int remove(Client& client, const Options& options, Words paths) {
    for (const std::string& path : paths) client.request("store-rm", {{"path", path}});
    return done(options);
}

int exists(Client& client, const Options&, Words paths) {
    for (const std::string& path : paths) {
        try {
            client.request("store-read", {{"path", path}});
        } catch (const ControlError& error) {
            if (error.code() != "store") throw;
            return 1;
        }
    }
    return to_int(ExitCode::ok);
}

int change_mode(Client& client, const Options& options, Words words) {
    if (words.size() < 2) throw ConfigError{"ring3 xenstore chmod takes a path and permissions"};
    client.request("store-chmod",
                   {{"path", words[0]},
                    {"permissions", std::vector<std::string>(words.begin() + 1, words.end())}});
    return done(options);
}

int watch(Client& client, const Options& options, Words words) {
    int left = -1;
    if (!options.count.empty()) {
        try {
            left = std::stoi(options.count);
        } catch (const std::logic_error&) {
            left = 0;
        }
        if (left <= 0)
            throw ConfigError{fmt::format("-n takes a number from 1, not \"{}\"", options.count)};
    }
    client.request("store-watch",
                   {{"paths", std::vector<std::string>(words.begin(), words.end())}});
    while (left != 0) {
        const Json document = client.receive();
        if (options.choice.json)
            fmt::print("{}\n", document.dump());
        else if (document.contains("changed"))
            fmt::print("{}\n", document["changed"].get<std::string>());
        else
            print_warning(fmt::format("{} changes are lost", document["lost"].get<int>()));
        std::fflush(stdout);
        if (document.contains("changed") && left > 0) --left;
    }
    return to_int(ExitCode::ok);
}

struct Action {
    const char* name;
    std::size_t least;  ///< words
    int (*run)(Client&, const Options&, Words);
};
constexpr Action actions[] = {
    {"ls", 0, ls},     {"list", 1, list},     {"read", 1, read},         {"write", 2, write},
    {"rm", 1, remove}, {"exists", 1, exists}, {"chmod", 2, change_mode}, {"watch", 1, watch}};

const Action& action_named(const std::string& name) {
    std::vector<std::string> names;
    for (const Action& action : actions) {
        if (name == action.name) return action;
        names.emplace_back(action.name);
    }
    throw ConfigError{fmt::format("ring3 xenstore cannot \"{}\"{}; it can: {}", name,
                                  nearest_name_hint(name, names), fmt::join(names, ", "))};
}

int run(std::span<const std::string> arguments) {
    Options options;
    CommandLine line("xenstore");
    options.choice.add_to(line)
        .flag("full,f", options.full)
        .flag("permissions,p", options.permissions)
        .value("count,n", options.count);
    const auto words = line.parse(arguments, {1, CommandLine::any_number, "what to do"});
    const Action& action = action_named(words[0]);
    if (words.size() - 1 < action.least)
        throw ConfigError{
            fmt::format("ring3 xenstore {} takes more words; `ring3 help xenstore` "
                        "tells",
                        action.name)};
    Client client = options.choice.connect();
    return action.run(client, options, Words{words}.subspan(1));
}

const RegisteredVerb entry{
    {"xenstore", "shows and changes the store of a machine", help, run, VerbGroup::store}};

}  // namespace
}  // namespace ring3
