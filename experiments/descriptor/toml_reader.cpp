// SPDX-License-Identifier: MIT
#include "experiments/descriptor/toml_reader.hpp"

#include <algorithm>
#include <cmath>
#include <sstream>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "hv/base/errors.hpp"
#include "hv/base/nearest_name.hpp"
#include "hv/base/toml.hpp"

namespace ring3::experiment {
namespace {

std::string written(const toml::node& node) {
    if (const auto* text = node.as_string()) return text->get();
    if (const auto* array = node.as_array()) {
        std::vector<std::string> items;
        for (const toml::node& item : *array) items.push_back(written(item));
        return fmt::format("[{}]", fmt::join(items, ", "));
    }
    std::ostringstream out;
    node.visit([&](const auto& value) {
        if constexpr (!toml::is_array<decltype(value)> && !toml::is_string<decltype(value)>)
            out << value;
    });
    return out.str();
}

/// A value as in TOML; what is none is text.
void put(toml::table& into, std::string_view key, const std::string& text) {
    try {
        toml::table parsed = toml::parse(fmt::format("value = {}\n", text));
        if (parsed.size() == 1) {
            parsed.get("value")->visit([&](auto& value) { into.insert_or_assign(key, value); });
            return;
        }
    } catch (const toml::parse_error&) {
        // A bare word: a shell has eaten the quotes, or nobody wrote them.
    } catch (const std::logic_error&) {
        // As above.
    }
    into.insert_or_assign(key, text);
}

/// The table in an array of tables whose "name" is this.
toml::table* named_in(toml::array& array, std::string_view name) {
    for (toml::node& item : array)
        if (toml::table* table = item.as_table())
            if (const auto value = table->get_as<std::string>("name"); value && **value == name)
                return table;
    return nullptr;
}

/// "guest.memory_mib=64", "workloads.dbench.size=train": the last word is the key. In [sweep] a key
/// is of several: "sweep.domains.count=[1, 2]".
void apply(toml::table& root, const std::string& setting, Errors& errors) {
    const std::string origin = "--set " + setting;
    const std::size_t equals = setting.find('=');
    const std::size_t dot =
        setting.starts_with("sweep.") ? setting.find('.') : setting.substr(0, equals).rfind('.');
    if (equals == std::string::npos || dot == std::string::npos || dot == 0 || dot + 1 == equals)
        return errors.add(origin, "must be table.key=value, for example guest.memory_mib=256");
    std::istringstream words(setting.substr(0, dot));
    toml::table* table = &root;
    for (std::string word, path; std::getline(words, word, '.'); path += "." + word) {
        if (table->get(word) == nullptr) table->insert(word, toml::table{});
        toml::node* next = table->get(word);
        if (toml::array* array = next->as_array()) {
            std::string name;
            if (!std::getline(words, name, '.') || named_in(*array, name) == nullptr)
                return errors.add(
                    origin, fmt::format("[[{}]] has no entry of the name \"{}\"", word, name));
            table = named_in(*array, name);
        } else if (next->is_table()) {
            table = next->as_table();
        } else {
            return errors.add(origin, fmt::format("\"{}\" is no table", word));
        }
    }
    put(*table, setting.substr(dot + 1, equals - dot - 1), setting.substr(equals + 1));
}

}  // namespace

void Errors::add(unsigned line, unsigned column, const std::string& message) {
    found_.push_back(
        {line, column, fmt::format("{}:{}:{}: error: {}", path_, line, column, message)});
}

void Errors::add(const std::string& origin, const std::string& message) {
    found_.push_back({~0U, 0, fmt::format("{}: error: {}", origin, message)});
}

void Errors::raise() const {
    if (found_.empty()) return;
    std::vector<Found> sorted = found_;
    std::ranges::stable_sort(sorted, [](const Found& left, const Found& right) {
        return std::pair{left.line, left.column} < std::pair{right.line, right.column};
    });
    std::string text;
    for (const Found& found : sorted) text += (text.empty() ? "" : "\n") + found.text;
    throw ConfigError{text};
}

struct TableReader::State {
    const toml::table* table;  ///< null: not in the file
    std::string name;          ///< "guest", or empty for the root
    Errors* errors;
    std::vector<Effective>* effective;
    std::vector<std::string> asked;

    const toml::node* find(std::string_view key) {
        asked.emplace_back(key);
        return table ? table->get(key) : nullptr;
    }
    std::string path(std::string_view key) const {
        return name.empty() ? std::string(key) : fmt::format("{}.{}", name, key);
    }
    void fail_at(const toml::node* node, std::string_view key, const std::string& message) {
        const toml::source_region* place = node ? &node->source() : nullptr;
        if (!node && table) place = &table->source();
        if (place != nullptr && place->begin.line != 0)
            errors->add(place->begin.line, place->begin.column, message);
        else
            errors->add(node ? "--set " + path(key) : "[" + name + "]", message);
    }
    void note(const toml::node* node, std::string_view key, std::string value) {
        std::string origin = "default";
        if (node)
            origin = node->source().begin.line != 0
                         ? fmt::format("line {}", node->source().begin.line)
                         : "--set";
        effective->push_back({path(key), std::move(value), std::move(origin)});
    }
};

TableReader::TableReader(std::unique_ptr<State> state) : state_(std::move(state)) {}
TableReader::~TableReader() = default;
TableReader::TableReader(TableReader&&) noexcept = default;

std::string TableReader::text(std::string_view key, std::string_view otherwise) {
    const toml::node* node = state_->find(key);
    std::string value(otherwise);
    if (node) {
        if (const auto* given = node->as_string())
            value = given->get();
        else
            state_->fail_at(node, key, fmt::format("\"{}\" is a text, in quotes", key));
    }
    state_->note(node, key, value);
    return value;
}

std::string TableReader::required_text(std::string_view key) {
    const bool is_there = has(key);
    std::string value = text(key, "");
    if (value.empty())
        fail(is_there ? key : "", fmt::format("\"{}\" is {}", key, is_there ? "empty" : "missing"));
    return value;
}

std::string TableReader::choice(std::string_view key, std::string_view otherwise,
                                const std::vector<std::string>& allowed) {
    std::string value = text(key, otherwise);
    if (std::ranges::find(allowed, value) == allowed.end()) {
        fail(key, fmt::format("\"{}\": there is no \"{}\"{}; there are: {}", key, value,
                              nearest_name_hint(value, allowed), fmt::join(allowed, ", ")));
        return std::string(otherwise);
    }
    return value;
}

std::uint64_t TableReader::integer(std::string_view key, std::uint64_t otherwise,
                                   std::uint64_t least, std::uint64_t most) {
    const toml::node* node = state_->find(key);
    std::uint64_t value = otherwise;
    if (node) {
        const auto* given = node->as_integer();
        if (given && given->get() >= 0 && static_cast<std::uint64_t>(given->get()) >= least &&
            static_cast<std::uint64_t>(given->get()) <= most)
            value = static_cast<std::uint64_t>(given->get());
        else
            state_->fail_at(
                node, key, fmt::format("\"{}\" is a whole number from {} to {}", key, least, most));
    }
    state_->note(node, key, std::to_string(value));
    return value;
}

double TableReader::number(std::string_view key, double otherwise, double least, double most) {
    const toml::node* node = state_->find(key);
    double value = otherwise;
    if (node) {
        const auto given = node->value<double>();
        if (node->is_number() && given && *given >= least && *given <= most)
            value = *given;
        else
            state_->fail_at(node, key,
                            fmt::format("\"{}\" is a number from {} to {}", key, least, most));
    }
    if (node || !std::isnan(value)) state_->note(node, key, fmt::format("{}", value));
    return value;
}

bool TableReader::flag(std::string_view key) {
    const toml::node* node = state_->find(key);
    const auto given = node ? node->value_exact<bool>() : std::nullopt;
    if (node && !given) state_->fail_at(node, key, fmt::format("\"{}\" is true or false", key));
    state_->note(node, key, given.value_or(false) ? "true" : "false");
    return given.value_or(false);
}

std::vector<std::string> TableReader::texts(std::string_view key,
                                            std::vector<std::string> otherwise) {
    const toml::node* node = state_->find(key);
    if (node) {
        const toml::array* array = node->as_array();
        if (array == nullptr || !(array->empty() || array->is_homogeneous<std::string>())) {
            state_->fail_at(node, key, fmt::format("\"{}\" is a list of texts", key));
        } else {
            otherwise.clear();
            for (const toml::node& item : *array) otherwise.push_back(item.as_string()->get());
        }
    }
    state_->note(node, key, fmt::format("[{}]", fmt::join(otherwise, ", ")));
    return otherwise;
}

std::vector<std::uint64_t> TableReader::integers(std::string_view key,
                                                 std::vector<std::uint64_t> otherwise) {
    const toml::node* node = state_->find(key);
    if (node) {
        const toml::array* array = node->as_array();
        std::vector<std::uint64_t> values;
        if (array)
            for (const toml::node& item : *array)
                if (const auto* number = item.as_integer(); number && number->get() >= 0)
                    values.push_back(static_cast<std::uint64_t>(number->get()));
        if (array == nullptr || values.empty() || values.size() != array->size())
            state_->fail_at(
                node, key, fmt::format("\"{}\" is a list of whole numbers from 0, not empty", key));
        else
            otherwise = values;
    }
    state_->note(node, key, fmt::format("[{}]", fmt::join(otherwise, ", ")));
    return otherwise;
}

std::optional<TableReader::Any> TableReader::any(std::string_view key) {
    const toml::node* node = state_->find(key);
    if (node == nullptr) return std::nullopt;
    state_->note(node, key, written(*node));
    Any result;
    if (const toml::array* array = node->as_array()) {
        result.is_array = true;
        for (const toml::node& item : *array) result.values.push_back(written(item));
    } else if (node->is_table()) {
        state_->fail_at(node, key, fmt::format("\"{}\" is a value or a list of values", key));
        return std::nullopt;
    } else {
        result.values.push_back(written(*node));
    }
    return result;
}

bool TableReader::has(std::string_view key) const {
    return state_->table && state_->table->get(key) != nullptr;
}

TableReader TableReader::table(std::string_view key) {
    const toml::node* node = state_->find(key);
    if (node && !node->is_table())
        state_->fail_at(node, key, fmt::format("\"{}\" is a table: [{}]", key, state_->path(key)));
    const toml::table* table = node ? node->as_table() : nullptr;
    return TableReader(std::make_unique<State>(
        State{table, state_->path(key), state_->errors, state_->effective, {}}));
}

std::vector<TableReader> TableReader::tables(std::string_view key) {
    const toml::node* node = state_->find(key);
    std::vector<TableReader> readers;
    const toml::array* array = node ? node->as_array() : nullptr;
    if (node && (array == nullptr || !array->is_array_of_tables()))
        state_->fail_at(node, key, fmt::format("\"{0}\" is written as [[{0}]]", key));
    else if (array)
        for (const toml::node& item : *array) {
            const toml::table* table = item.as_table();
            const auto name = table->get_as<std::string>("name");
            const std::string path =
                fmt::format("{}.{}", key, name ? (**name) : std::to_string(readers.size() + 1));
            readers.push_back(TableReader(std::make_unique<State>(
                State{table, path, state_->errors, state_->effective, {}})));
        }
    return readers;
}

std::vector<std::string> TableReader::keys() const {
    std::vector<std::pair<toml::source_position, std::string>> found;
    if (state_->table)
        for (const auto& [key, value] : *state_->table)
            found.emplace_back(value.source().begin, std::string(key.str()));
    // toml++ sorts keys by their letters; what the user wrote first comes first.
    std::ranges::stable_sort(
        found, [](const auto& left, const auto& right) { return left.first < right.first; });
    std::vector<std::string> names;
    for (auto& [place, name] : found) names.push_back(std::move(name));
    return names;
}

void TableReader::fail(std::string_view key, const std::string& message) {
    const toml::node* node = state_->table ? state_->table->get(key) : nullptr;
    state_->fail_at(node, key, message);
}

void TableReader::reject_unknown(const std::vector<std::string>& others) {
    if (!state_->table) return;
    std::vector<std::string> known = state_->asked;
    known.insert(known.end(), others.begin(), others.end());
    std::ranges::sort(known);
    known.erase(std::unique(known.begin(), known.end()), known.end());
    for (const auto& [key, value] : *state_->table) {
        const std::string name(key.str());
        if (std::ranges::binary_search(known, name)) continue;
        state_->fail_at(&value, name,
                        fmt::format("there is no key \"{}\" {}{}; the keys here are: {}", name,
                                    state_->name.empty() ? "" : "in [" + state_->name + "]",
                                    nearest_name_hint(name, known), fmt::join(known, ", ")));
    }
}

struct FileReader::State {
    toml::table root;
    Errors& errors;
    std::vector<Effective>& effective;
};

FileReader::FileReader(std::string_view text, const std::vector<std::string>& settings,
                       Errors& errors, std::vector<Effective>& effective)
    : state_(std::make_unique<State>(State{{}, errors, effective})) {
    try {
        state_->root = toml::parse(text);
    } catch (const toml::parse_error& error) {
        const toml::source_position place = error.source().begin;
        errors.add(place.line, place.column, std::string(error.description()));
    } catch (const std::logic_error& error) {
        errors.add(1, 1, fmt::format("this is no TOML: {}", error.what()));
    }
    if (!errors.empty()) return;
    for (const std::string& setting : settings) apply(state_->root, setting, errors);
}

FileReader::~FileReader() = default;

TableReader FileReader::root() {
    return TableReader(std::make_unique<TableReader::State>(
        TableReader::State{&state_->root, "", &state_->errors, &state_->effective, {}}));
}

}  // namespace ring3::experiment
