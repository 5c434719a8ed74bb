// SPDX-License-Identifier: MIT
// The parameters of one policy: what the user gave, asked for by the policy's constructor with
// name, default and meaning. That one call parses, checks the range, documents, and records the
// value.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "hv/base/units.hpp"

namespace ring3 {

/// A value as the user wrote it, and where: "lab.toml:7" or "--set clock.epoch_s".
struct GivenValue {
    std::variant<bool, std::int64_t, double, std::string> value;
    std::string origin;
};

class Params {
public:
    struct Range {
        std::int64_t least = std::numeric_limits<std::int64_t>::min();
        std::int64_t most = std::numeric_limits<std::int64_t>::max();
    };
    /// What a policy asked for: for help, and for the record of the effective values.
    struct Declared {
        std::string name;
        std::string allowed;  ///< "integer from 0", "true or false", "one of: a, b"
        std::string default_value;
        std::string value;
        std::string meaning;
        bool is_text = false;  ///< written in quotes
    };

    /// `table` is the machine file's table these stand in; for messages.
    explicit Params(std::string table = "") : table_(std::move(table)) {}

    /// The user's value; a later one replaces an earlier one.
    void set(std::string name, GivenValue value);
    /// The user's values of a more specific table, on top of these.
    void take_given(const Params& more);
    /// Where the policy itself was chosen, for the message about an unknown name.
    void set_origin(std::string origin) { origin_ = std::move(origin); }
    const std::string& origin() const { return origin_; }
    const std::string& table() const { return table_; }
    /// Where the user gave this value; the table's name where nobody did.
    std::string origin_of(std::string_view name) const;

    /// Each of these throws ConfigError when the given value has the wrong type or is out of range.
    /// The name of a duration ends in its unit, which the value is a whole number of: _ns _us _ms
    /// _s.
    Duration duration(std::string_view name, Duration default_value, std::string_view meaning,
                      Duration least = Duration::zero(), Duration most = Duration::max());
    std::int64_t integer(std::string_view name, std::int64_t default_value, Range range,
                         std::string_view meaning);
    bool boolean(std::string_view name, bool default_value, std::string_view meaning);
    std::string text(std::string_view name, std::string_view default_value,
                     std::string_view meaning);
    std::string choice(std::string_view name, std::string_view default_value,
                       const std::vector<std::string_view>& allowed, std::string_view meaning);

    /// After the policy asked for all that it knows: throws ConfigError for the first value that
    /// nobody asked for, with the nearest name. `others`: keys of the same table that are no
    /// parameters.
    void reject_unknown(std::vector<std::string> others = {}) const;

    const std::vector<Declared>& declared() const { return declared_; }

private:
    const GivenValue* declare(std::string_view name, std::string allowed, std::string default_value,
                              std::string_view meaning, bool is_text = false);
    [[noreturn]] void refuse(std::string_view name, const GivenValue& given) const;
    std::int64_t whole_number(std::string_view name, std::int64_t default_value, Range range,
                              std::string_view meaning);

    std::string table_;
    std::string origin_;
    std::map<std::string, GivenValue, std::less<>> given_;
    std::vector<Declared> declared_;
};

}  // namespace ring3
