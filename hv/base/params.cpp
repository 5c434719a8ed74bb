// SPDX-License-Identifier: MIT
#include "hv/base/params.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "hv/base/check.hpp"
#include "hv/base/errors.hpp"
#include "hv/base/nearest_name.hpp"

namespace ring3 {
namespace {

std::string text_of(const GivenValue& given) {
    return std::visit([](const auto& value) { return fmt::format("{}", value); }, given.value);
}

std::int64_t nanoseconds_per_unit(std::string_view name) {
    struct Unit {
        std::string_view suffix;
        std::int64_t nanoseconds;
    };
    constexpr std::array<Unit, 4> units{
        {{"_ns", 1}, {"_us", 1'000}, {"_ms", 1'000'000}, {"_s", 1'000'000'000}}};
    for (const Unit& unit : units)
        if (name.ends_with(unit.suffix)) return unit.nanoseconds;
    HV_CHECK(false, "the name of a duration ends in its unit");
    return 1;
}

std::string whole_number_in(Params::Range range) {
    constexpr Params::Range any;
    const bool bounded_below = range.least != any.least;
    const bool bounded_above = range.most != any.most;
    if (bounded_below && bounded_above)
        return fmt::format("a whole number from {} to {}", range.least, range.most);
    if (bounded_below) return fmt::format("a whole number from {}", range.least);
    if (bounded_above) return fmt::format("a whole number up to {}", range.most);
    return "a whole number";
}

}  // namespace

void Params::set(std::string name, GivenValue value) {
    given_.insert_or_assign(std::move(name), std::move(value));
}

void Params::take_given(const Params& more) {
    for (const auto& [name, value] : more.given_) set(name, value);
}

std::string Params::origin_of(std::string_view name) const {
    const auto it = given_.find(name);
    return it == given_.end() ? fmt::format("[{}]", table_) : it->second.origin;
}

const GivenValue* Params::declare(std::string_view name, std::string allowed,
                                  std::string default_value, std::string_view meaning,
                                  bool is_text) {
    const auto it = given_.find(name);
    const GivenValue* given = it == given_.end() ? nullptr : &it->second;
    std::string value = given ? text_of(*given) : default_value;
    // A policy may be made again of the same parameters.
    std::erase_if(declared_, [&](const Declared& each) { return each.name == name; });
    declared_.push_back({std::string(name), std::move(allowed), std::move(default_value),
                         std::move(value), std::string(meaning), is_text});
    return given;
}

void Params::refuse(std::string_view name, const GivenValue& given) const {
    throw ConfigError(fmt::format("{}: [{}] {} = {}: must be {}", given.origin, table_, name,
                                  text_of(given), declared_.back().allowed));
}

std::int64_t Params::whole_number(std::string_view name, std::int64_t default_value, Range range,
                                  std::string_view meaning) {
    HV_CHECK(range.least <= default_value && default_value <= range.most,
             "a default must be allowed");
    const GivenValue* given =
        declare(name, whole_number_in(range), fmt::to_string(default_value), meaning);
    if (given == nullptr) return default_value;
    const auto* number = std::get_if<std::int64_t>(&given->value);
    if (number == nullptr || *number < range.least || *number > range.most) refuse(name, *given);
    return *number;
}

Duration Params::duration(std::string_view name, Duration default_value, std::string_view meaning,
                          Duration least, Duration most) {
    const std::int64_t unit = nanoseconds_per_unit(name);
    // The upper bound keeps the product below in range.
    const Range range{least.count() / unit, most.count() / unit};
    return Duration{whole_number(name, default_value.count() / unit, range, meaning) * unit};
}

std::int64_t Params::integer(std::string_view name, std::int64_t default_value, Range range,
                             std::string_view meaning) {
    return whole_number(name, default_value, range, meaning);
}

bool Params::boolean(std::string_view name, bool default_value, std::string_view meaning) {
    const GivenValue* given =
        declare(name, "true or false", default_value ? "true" : "false", meaning);
    if (given == nullptr) return default_value;
    const auto* value = std::get_if<bool>(&given->value);
    if (value == nullptr) refuse(name, *given);
    return *value;
}

std::string Params::text(std::string_view name, std::string_view default_value,
                         std::string_view meaning) {
    const GivenValue* given = declare(name, "text", std::string(default_value), meaning, true);
    if (given == nullptr) return std::string(default_value);
    // A number is a text too, such as the list of one pCPU.
    if (std::holds_alternative<std::int64_t>(given->value)) return text_of(*given);
    const auto* value = std::get_if<std::string>(&given->value);
    if (value == nullptr) refuse(name, *given);
    return *value;
}

std::string Params::choice(std::string_view name, std::string_view default_value,
                           const std::vector<std::string_view>& allowed, std::string_view meaning) {
    const auto is_allowed = [&](std::string_view value) {
        return std::find(allowed.begin(), allowed.end(), value) != allowed.end();
    };
    HV_CHECK(is_allowed(default_value), "a default must be allowed");
    const GivenValue* given = declare(name, fmt::format("one of: {}", fmt::join(allowed, ", ")),
                                      std::string(default_value), meaning, true);
    if (given == nullptr) return std::string(default_value);
    const auto* value = std::get_if<std::string>(&given->value);
    if (value == nullptr || !is_allowed(*value)) refuse(name, *given);
    return *value;
}

void Params::reject_unknown(std::vector<std::string> others) const {
    std::vector<std::string> known = std::move(others);
    for (const Declared& declared : declared_) known.push_back(declared.name);
    for (const auto& [name, given] : given_) {
        if (std::find(known.begin(), known.end(), name) != known.end()) continue;
        const std::string allowed =
            known.empty() ? "it has none" : fmt::format("it has: {}", fmt::join(known, ", "));
        throw ConfigError(fmt::format("{}: [{}] has no parameter \"{}\"{}; {}", given.origin,
                                      table_, name, nearest_name_hint(name, known), allowed));
    }
}

}  // namespace ring3
