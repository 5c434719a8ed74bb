// SPDX-License-Identifier: MIT
#include "hv/clock/cost_model.hpp"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <system_error>

#include <fmt/format.h>

#include "cost_models.hpp"
#include "hv/base/errors.hpp"
#include "hv/base/nearest_name.hpp"
#include "hv/base/toml.hpp"

namespace ring3 {
namespace {

constexpr std::array<CostKey, cost_count> keys{{
    {Cost::instruction, "instruction_ps", 1, 1, "one retired instruction"},
    {Cost::system_call, "system_call_ns", 1000, 0,
     "a system call's way into the guest kernel and back"},
    {Cost::hypercall, "hypercall_ns", 1000, 0,
     "a hypercall's way in and out, once for a multicall; not of iret, which is part of the rest"},
    {Cost::exception, "exception_ns", 1000, 0,
     "a fault or trap that the guest kernel gets, and back"},
    {Cost::interrupt, "interrupt_ns", 1000, 0,
     "an entry into the guest's event callback, and back"},
    {Cost::cr3_load, "cr3_load_ns", 1000, 0, "a new root of page tables"},
    {Cost::flush, "flush_ns", 1000, 0, "a TLB flush that the guest asked for"},
    {Cost::table_update, "table_update_ns", 1000, 0, "one page-table entry, by hypercall"},
    {Cost::frame, "frame_ns", 1000, 0, "one frame given to a domain by hypercall"},
    {Cost::context_switch, "context_switch_ns", 1000, 0, "from one vCPU to another on a pCPU"},
    {Cost::cold_cache, "cold_cache_ns", 1000, 0,
     "the most a vCPU loses to caches that others filled; no more than they ran for"},
    {Cost::io_request, "io_request_ns", 1000, 0, "Domain-0's work for one request of a device"},
    {Cost::io_byte, "io_byte_ps", 1, 0, "Domain-0's work for one byte of a device"},
}};

bool is_path(std::string_view name) {
    return name.find('/') != name.npos || name.ends_with(".toml");
}

std::string read_model(const std::string& path) {
    std::error_code error;
    if (std::filesystem::exists(path, error) && !std::filesystem::is_regular_file(path, error))
        throw ConfigError(fmt::format("{}: is no file, and no cost model", path));
    std::ifstream file(path, std::ios::binary);
    std::ostringstream text;
    if (file && file.peek() != std::ifstream::traits_type::eof()) text << file.rdbuf();
    if (!file.eof() && !(file && text))
        throw EnvironmentError(fmt::format("cannot read the cost model {}: {}", path,
                                           std::generic_category().message(errno)));
    return text.str();
}

/// The value of `key`, of the type wanted; throws where it is missing or something else.
template <class Value>
Value required(const toml::table& table, std::string_view key, const std::string& path,
               std::string_view allowed) {
    const std::optional<Value> value = table[key].value_exact<Value>();
    const char* const what = table.contains(key) ? "must be" : "is missing: it must be";
    if (!value) throw ConfigError(fmt::format("{}: {} {} {}", path, key, what, allowed));
    return *value;
}

void refuse_unknown(const toml::table& table, const std::vector<std::string>& known,
                    const std::string& path) {
    for (const auto& [key, value] : table) {
        const std::string name(key.str());
        if (std::ranges::find(known, name) != known.end()) continue;
        throw ConfigError(fmt::format("{}:{}: a cost model has no \"{}\"{}", path,
                                      key.source().begin.line, name,
                                      nearest_name_hint(name, known)));
    }
}

std::uint64_t cost_of(const toml::table& costs, const CostKey& key, const std::string& path) {
    const std::string allowed = fmt::format("a whole number from {} to {}", key.least, key.most());
    const auto value = required<std::int64_t>(costs, key.key, path, allowed);
    if (value < key.least || value > key.most())
        throw ConfigError(fmt::format("{}: {} = {} must be {}", path, key.key, value, allowed));
    return static_cast<std::uint64_t>(value) * key.unit_ps;
}

}  // namespace

std::span<const CostKey, cost_count> cost_keys() { return keys; }

CostModel parse_cost_model(std::string_view text, const std::string& path) {
    const toml::table file = parse_toml(text, path);
    CostModel model;
    model.name = required<std::string>(file, "name", path, "a text");
    model.summary = required<std::string>(file, "summary", path, "a text");
    model.version = required<std::int64_t>(file, "version", path, "a whole number from 1");
    if (model.version < 1)
        throw ConfigError(fmt::format("{}: version must be a whole number from 1", path));
    const toml::table* const costs = file["costs"].as_table();
    if (costs == nullptr) throw ConfigError(fmt::format("{}: there is no table [costs]", path));
    refuse_unknown(file, {"name", "summary", "version", "costs"}, path);
    std::vector<std::string> known;
    for (const CostKey& key : keys) known.emplace_back(key.key);
    refuse_unknown(*costs, known, path);
    for (const CostKey& key : keys)
        model.ps[static_cast<std::size_t>(key.cost)] = cost_of(*costs, key, path);
    return model;
}

std::vector<PolicyName> cost_models() {
    std::vector<PolicyName> names;
    for (const auto& [name, text] : build_info::cost_models)
        names.push_back({name, parse_cost_model(text, name).summary});
    std::ranges::sort(names, {}, &PolicyName::name);
    return names;
}

CostModel find_cost_model(const std::string& name_or_path, const std::string& origin) {
    if (is_path(name_or_path)) return parse_cost_model(read_model(name_or_path), name_or_path);
    for (const auto& [name, text] : build_info::cost_models)
        if (name == name_or_path) return parse_cost_model(text, name);
    if (name_or_path != "host")
        refuse_policy_name("cost model", name_or_path, origin, cost_models());
    throw ConfigError(fmt::format(
        "{}: the costs of this host are measured first: `ring3 calibrate` writes host.toml, and "
        "cost_model = \"./host.toml\" chooses it",
        origin));
}

}  // namespace ring3
