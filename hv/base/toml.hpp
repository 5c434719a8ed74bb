// SPDX-License-Identifier: MIT
// The one door of toml++: every source that reads TOML includes the library through this, so that
// all of them have the same one.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

namespace ring3 {

/// What stands for the library's assertions: some malformed texts ("[!x]") break them, and would
/// end the process.
[[noreturn]] inline void refuse_toml() {
    throw std::logic_error("no name of a table or key stands where one must");
}

}  // namespace ring3

#define TOML_EXCEPTIONS 1
#define TOML_ASSERT(expression) ((expression) ? void() : ::ring3::refuse_toml())
#include <toml++/toml.h>

namespace ring3 {

/// The content of the file `path`. Throws ConfigError with file and line for what is no TOML.
toml::table parse_toml(std::string_view text, const std::string& path);

}  // namespace ring3
