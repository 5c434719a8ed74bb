// SPDX-License-Identifier: MIT
#include "hv/machine/config/machine_config.hpp"

#include <cerrno>
#include <fstream>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <system_error>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "hv/base/check.hpp"
#include "hv/base/errors.hpp"
#include "hv/base/nearest_name.hpp"
#include "hv/base/toml.hpp"

namespace ring3 {
namespace {

/// Nothing for what is no single value: an array, a table, a date.
std::optional<GivenValue> given_value(const toml::node& node, std::string origin) {
    GivenValue given;
    given.origin = std::move(origin);
    if (const auto* boolean = node.as_boolean())
        given.value = boolean->get();
    else if (const auto* integer = node.as_integer())
        given.value = integer->get();
    else if (const auto* number = node.as_floating_point())
        given.value = number->get();
    else if (const auto* text = node.as_string())
        given.value = text->get();
    else
        return std::nullopt;
    return given;
}

[[noreturn]] void refuse_value(const std::string& origin, std::string_view table,
                               std::string_view key) {
    throw ConfigError(
        fmt::format("{}: [{}] {}: must be a text, a number, or true or false", origin, table, key));
}

/// What a more specific table says, on top of `choice`.
void refine(PolicyChoice& choice, const PolicyChoice& by) {
    if (!by.name.empty() && by.name != choice.name)
        choice = by;
    else
        choice.params.take_given(by.params);
}

}  // namespace

MachineConfig::MachineConfig() {
    const auto add = [this](const char* table, const char* default_name) {
        policies_.emplace(table, PolicyChoice{default_name, Params(table)});
    };
    add("scheduler", "round_robin");
    add("clock", "wall");
    add("engine", "translator");
    add("memory", "");
    add("io", "event");
    add("net", "ideal");
    add("disk", "ssd");
    for (const char* table : {"io", "net", "disk", "scheduler"}) sub_tables_[table];
}

std::vector<std::string> MachineConfig::tables() const {
    std::vector<std::string> names{"machine"};
    for (const auto& [name, choice] : policies_) names.push_back(name);
    return names;
}

PolicyChoice& MachineConfig::policy(std::string_view table) {
    const auto it = policies_.find(table);
    HV_CHECK(it != policies_.end(), "no such table in machine files");
    return it->second;
}

const PolicyChoice& MachineConfig::policy(std::string_view table) const {
    return const_cast<MachineConfig*>(this)->policy(table);
}

const PolicyChoice* MachineConfig::sub_table(std::string_view table, std::string_view name) const {
    const auto& sub_tables = sub_tables_.find(table)->second;
    const auto found = sub_tables.find(name);
    return found == sub_tables.end() ? nullptr : &found->second;
}

PolicyChoice MachineConfig::device_policy(std::string_view table, const DeviceName& device) const {
    PolicyChoice choice = policy(table);
    for (const std::string& name : {device.kind, "bridge/" + device.bridge, device.domain,
                                    device.domain + "/" + device.device})
        if (const PolicyChoice* const more = sub_table(table, name)) refine(choice, *more);
    return choice;
}

std::vector<PolicyChoice> MachineConfig::device_policies(std::string_view table) const {
    std::vector<PolicyChoice> all{policy(table)};
    for (const auto& [name, sub_table] : sub_tables_.find(table)->second) {
        PolicyChoice choice = policy(table);
        refine(choice, sub_table);
        all.push_back(std::move(choice));
    }
    return all;
}

std::vector<std::string> MachineConfig::sub_tables(std::string_view table) const {
    std::vector<std::string> names;
    for (const auto& [name, choice] : sub_tables_.find(table)->second) names.push_back(name);
    return names;
}

PolicyChoice& MachineConfig::refined_sub_table(std::string_view table, std::string_view name) {
    PolicyChoice& own = sub_tables_.find(table)->second.find(name)->second;
    PolicyChoice refined = policy(table);
    refine(refined, own);
    return own = std::move(refined);
}

/// "io", or "io.web/xvda".
PolicyChoice& MachineConfig::table_for_writing(const std::string& table,
                                               const std::string& origin) {
    const auto it = policies_.find(table);
    if (it != policies_.end()) return it->second;
    const std::size_t dot = table.find('.');
    const auto sub_tables = sub_tables_.find(std::string_view(table).substr(0, dot));
    if (dot != std::string::npos && sub_tables != sub_tables_.end()) {
        PolicyChoice fresh{"", Params(table)};
        return sub_tables->second.try_emplace(table.substr(dot + 1), fresh).first->second;
    }
    throw ConfigError(fmt::format("{}: there is no table [{}]{}; there are: {}", origin, table,
                                  nearest_name_hint(table, tables()), fmt::join(tables(), ", ")));
}

void MachineConfig::put(const std::string& table, const std::string& key, GivenValue value) {
    if (table == "machine") return machine_.set(key, std::move(value));
    PolicyChoice& choice = table_for_writing(table, value.origin);
    if (key != "name") return choice.params.set(key, std::move(value));
    const auto* name = std::get_if<std::string>(&value.value);
    if (name == nullptr)
        throw ConfigError(fmt::format("{}: [{}] name: must be a text", value.origin, table));
    choice.name = *name;
    choice.params.set_origin(value.origin);
}

void MachineConfig::read_file(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    std::ostringstream text;
    if (file && file.peek() != std::ifstream::traits_type::eof()) text << file.rdbuf();
    if (!file.eof() && !(file && text))
        throw EnvironmentError(fmt::format("cannot read the machine file {}: {}", path.string(),
                                           std::generic_category().message(errno)));
    read_text(text.str(), path.string());
}

void MachineConfig::read_text(std::string_view text, const std::string& path) {
    const toml::table file = parse_toml(text, path);
    const auto place = [&](const toml::source_region& source) {
        return fmt::format("{}:{}", path, source.begin.line);
    };
    for (const auto& [table_key, node] : file) {
        const std::string table(table_key.str());
        if (!node.is_table())
            throw ConfigError(fmt::format("{}: \"{}\" stands in no table; there are: {}",
                                          place(table_key.source()), table,
                                          fmt::join(tables(), ", ")));
        // An unknown table without keys is as wrong as one with.
        if (table != "machine") table_for_writing(table, place(table_key.source()));
        const auto put_all = [&](const std::string& name, const toml::table& content) {
            for (const auto& [key, value] : content) {
                if (value.is_table()) continue;
                const std::string origin = place(key.source());
                auto given = given_value(value, origin);
                if (!given) refuse_value(origin, name, key.str());
                put(name, std::string(key.str()), std::move(*given));
            }
        };
        put_all(table, *node.as_table());
        for (const auto& [key, value] : *node.as_table()) {
            if (!value.is_table()) continue;
            const std::string name = fmt::format("{}.{}", table, key.str());
            table_for_writing(name, place(key.source()));
            put_all(name, *value.as_table());
        }
    }
}

void MachineConfig::set(std::string_view assignment) {
    const std::size_t equals = assignment.find('=');
    // The last dot: a table may be a device's, as in io.web/xvda.transfer=copy.
    const std::size_t dot = assignment.substr(0, equals).rfind('.');
    if (equals == std::string_view::npos || dot == std::string_view::npos || dot == 0 ||
        dot + 1 == equals)
        throw ConfigError(
            fmt::format("--set {}: must be table.key=value, for example "
                        "scheduler.slice_us=5000",
                        assignment));
    const std::string table(assignment.substr(0, dot));
    const std::string key(assignment.substr(dot + 1, equals - dot - 1));
    const std::string text(assignment.substr(equals + 1));
    const std::string origin = fmt::format("--set {}.{}", table, key);

    GivenValue given{text, origin};
    try {
        const toml::table parsed = toml::parse(fmt::format("value = {}\n", text));
        if (parsed.size() == 1) {
            auto value = given_value(*parsed.get("value"), origin);
            if (!value) refuse_value(origin, table, key);
            given = std::move(*value);
        }
    } catch (const std::logic_error&) {
        // As below.
    } catch (const toml::parse_error&) {
        // A bare word: a shell has eaten the quotes, or nobody wrote them.
    }
    put(table, key, std::move(given));
}

void MachineConfig::choose(std::string_view table, std::string_view name,
                           const std::string& origin) {
    PolicyChoice& choice = policy(table);
    choice.name = name;
    choice.params.set_origin(origin);
}

std::string MachineConfig::describe() const { return describe_all_but(""); }

std::string MachineConfig::describe_without_engine() const { return describe_all_but("engine"); }

std::string MachineConfig::describe_all_but(std::string_view skipped) const {
    std::string text;
    const auto add = [&](std::string_view table, const std::string& name, const Params& params) {
        text += fmt::format("[{}]\n", table);
        if (!name.empty()) text += fmt::format("name = \"{}\"\n", name);
        for (const Params::Declared& parameter : params.declared()) {
            const char* const quote = parameter.is_text ? "\"" : "";
            text += fmt::format("{0} = {2}{1}{2}\n", parameter.name, parameter.value, quote);
        }
    };
    add("machine", "", machine_);
    for (const auto& [table, choice] : policies_)
        if (!choice.name.empty() && table != skipped) add(table, choice.name, choice.params);
    for (const auto& [table, sub_tables] : sub_tables_)
        for (const auto& [name, choice] : sub_tables)
            add(fmt::format("{}.\"{}\"", table, name), choice.name, choice.params);
    return text;
}

void MachineConfig::reject_empty_kinds() const {
    const PolicyChoice& choice = policies_.find("memory")->second;
    if (!choice.name.empty())
        throw ConfigError(
            fmt::format("{}: [memory] name = \"{}\": there is no memory policy to choose from yet",
                        choice.params.origin(), choice.name));
    choice.params.reject_unknown();
}

}  // namespace ring3
