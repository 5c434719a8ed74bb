// SPDX-License-Identifier: MIT
// The one door of toml++: every source that reads TOML includes the library through this, so that
// all of them have the same one.
#pragma once

#include <stdexcept>

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
