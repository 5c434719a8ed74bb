// SPDX-License-Identifier: MIT
#include "workloads/catalogue/workload.hpp"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string_view>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "build_info.hpp"
#include "hv/base/errors.hpp"
#include "hv/base/nearest_name.hpp"
#include "hv/base/toml.hpp"

namespace ring3 {
namespace {

namespace fs = std::filesystem;

using Names = std::vector<std::string>;

[[noreturn]] void fail(const toml::source_region& at, const std::string& what) {
    throw ConfigError{fmt::format("{}:{}:{}: {}", at.path ? *at.path : "manifest", at.begin.line,
                                  at.begin.column, what)};
}

/// Refuses keys of a table that are not known.
void check_keys(const toml::table& table, const Names& known) {
    for (const auto& [key, value] : table) {
        const std::string name{key.str()};
        if (std::ranges::find(known, name) == known.end())
            fail(value.source(),
                 fmt::format("unknown key \"{}\"{}; the keys here are: {}", name,
                             nearest_name_hint(name, known), fmt::join(known, ", ")));
    }
}

enum class Presence { required, optional };

template <typename T>
T value_of(const toml::table& table, std::string_view key, Presence presence, const char* kind) {
    const toml::node* node = table.get(key);
    if (node == nullptr && presence == Presence::optional) return T{};
    if (node == nullptr) fail(table.source(), fmt::format("the key \"{}\" is missing", key));
    const auto value = node->value_exact<T>();
    if (!value) fail(node->source(), fmt::format("\"{}\" is {}", key, kind));
    return *value;
}

std::string text_of(const toml::table& table, std::string_view key, Presence presence) {
    std::string text = value_of<std::string>(table, key, presence, "a string");
    if (text.empty() && presence == Presence::required)
        fail(table.source(), fmt::format("\"{}\" is empty", key));
    return text;
}

const toml::table& table_of(const toml::table& parent, std::string_view key) {
    const toml::node* node = parent.get(key);
    if (node == nullptr || !node->is_table() || node->as_table()->empty())
        fail(parent.source(), fmt::format("a table \"{}\" is wanted", key));
    return *node->as_table();
}

bool is_sha256(const std::string& text) {
    return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == text.npos;
}

WorkloadSize read_size(const toml::table& table, bool prints_values) {
    WorkloadSize size;
    for (const auto& [key, value] : table) {
        const std::string name{key.str()};
        if (name != "output")
            size.parameters[name] =
                value_of<std::int64_t>(table, name, Presence::required, "a whole number");
    }
    const Presence presence = prints_values ? Presence::optional : Presence::required;
    size.output_sha256 = value_of<std::string>(table, "output", presence, "a string");
    if (prints_values ? !size.output_sha256.empty() : !is_sha256(size.output_sha256))
        fail(table.source(), prints_values ? "values have no hash: no \"output\" here"
                                           : "\"output\" is the SHA-256 of what is printed");
    return size;
}

/// Which way the values of a program are better.
bool read_better(const toml::table& table, bool prints_values) {
    const std::string better = text_of(table, "better", Presence::optional);
    if (better.empty()) return false;
    if (!prints_values)
        fail(table.get("better")->source(),
             "\"better\" is for values; of a time less always is better");
    if (better != "higher" && better != "lower")
        fail(table.get("better")->source(), "\"better\" is \"higher\" or \"lower\"");
    return better == "higher";
}

WorkloadProgram read_program(const toml::table& table) {
    check_keys(table, {"stands_for", "kinship", "generate", "before", "command", "after", "values",
                       "better", "on_disk", "needs_peer", "peer", "sizes"});
    WorkloadProgram program;
    program.stands_for = text_of(table, "stands_for", Presence::required);
    program.kinship = text_of(table, "kinship", Presence::optional);
    program.generate = text_of(table, "generate", Presence::optional);
    program.before = text_of(table, "before", Presence::optional);
    program.after = text_of(table, "after", Presence::optional);
    program.command = text_of(table, "command", Presence::required);
    program.prints_values = value_of<bool>(table, "values", Presence::optional, "true or false");
    program.higher_is_better = read_better(table, program.prints_values);
    program.needs_peer = value_of<bool>(table, "needs_peer", Presence::optional, "true or false");
    program.peer = text_of(table, "peer", Presence::optional);
    if (!program.peer.empty() && !program.needs_peer)
        fail(table.get("peer")->source(), "\"peer\" is for a program with needs_peer = true");
    program.on_disk = value_of<bool>(table, "on_disk", Presence::optional, "true or false");
    for (const auto& [key, value] : table_of(table, "sizes")) {
        if (!value.is_table()) fail(value.source(), "a size is a table");
        program.sizes[std::string{key.str()}] = read_size(*value.as_table(), program.prints_values);
    }
    return program;
}

toml::table parse(const fs::path& file) {
    std::ifstream stream{file, std::ios::binary};
    const std::string text{std::istreambuf_iterator<char>{stream}, {}};
    if (!stream.is_open() || stream.bad())
        throw EnvironmentError{fmt::format("cannot read {}", file.string())};
    try {
        return toml::parse(text, file.string());
    } catch (const toml::parse_error& error) {
        fail(error.source(), std::string{error.description()});
    }
}

}  // namespace

fs::path workloads_folder() {
    const char* root = std::getenv("RING3_ROOT");
    return fs::path{root != nullptr ? root : build_info::source_root} / "workloads";
}

std::vector<std::string> workload_names() {
    Names names;
    for (const auto& entry : fs::directory_iterator{workloads_folder()})
        if (fs::exists(entry.path() / "manifest.toml")) names.push_back(entry.path().filename());
    std::ranges::sort(names);
    return names;
}

Workload read_workload(const fs::path& folder) {
    const toml::table root = parse(folder / "manifest.toml");
    check_keys(root, {"name", "title", "licence", "image", "packages", "prepare", "programs"});
    Workload workload;
    workload.folder = folder;
    workload.name = text_of(root, "name", Presence::required);
    workload.title = text_of(root, "title", Presence::required);
    workload.licence = text_of(root, "licence", Presence::required);
    workload.image = text_of(root, "image", Presence::required);
    workload.prepare = text_of(root, "prepare", Presence::optional);
    if (workload.name != folder.filename())
        fail(root.get("name")->source(), "a workload has the name of its folder");
    const toml::array* packages = root["packages"].as_array();
    if (packages == nullptr) fail(root.source(), "\"packages\" is a list of strings");
    for (const toml::node& package : *packages) {
        if (!package.is_string()) fail(package.source(), "the name of a package is a string");
        workload.packages.push_back(package.as_string()->get());
    }
    for (const auto& [key, value] : table_of(root, "programs")) {
        if (!value.is_table()) fail(value.source(), "a program is a table");
        workload.programs[std::string{key.str()}] = read_program(*value.as_table());
    }
    for (const auto& [name, program] : workload.programs)
        if (!program.peer.empty() && !workload.programs.contains(program.peer))
            fail(root["programs"][name]["peer"].node()->source(),
                 fmt::format("there is no program \"{}\"", program.peer));
    return workload;
}

std::vector<fs::path> workload_files(const fs::path& folder) {
    std::vector<fs::path> files;
    for (auto entry = fs::recursive_directory_iterator{folder}; entry != end(entry); ++entry) {
        const fs::path path = entry->path().lexically_relative(folder);
        if (path == "input") entry.disable_recursion_pending();
        if (entry->is_regular_file()) files.push_back(path);
    }
    std::ranges::sort(files);
    return files;
}

}  // namespace ring3
