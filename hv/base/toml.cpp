// SPDX-License-Identifier: MIT
#include "hv/base/toml.hpp"

#include <fmt/format.h>

#include "hv/base/errors.hpp"

namespace ring3 {

toml::table parse_toml(std::string_view text, const std::string& path) {
    try {
        return toml::parse(text, path);
    } catch (const toml::parse_error& error) {
        throw ConfigError(
            fmt::format("{}:{}: {}", path, error.source().begin.line, error.description()));
    } catch (const std::logic_error& error) {
        throw ConfigError(fmt::format("{}: this is no TOML: {}", path, error.what()));
    }
}

}  // namespace ring3
