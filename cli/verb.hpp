// SPDX-License-Identifier: MIT
// A verb of the command line: `ring3 VERB ARGUMENTS...`. Each is one file in this folder that ends
// in
//   const RegisteredVerb entry{{"image", "one line for --help", "the text of `ring3 help image`",
//   run}};
// A verb throws ConfigError, EnvironmentError or std::system_error: main prints them and exits with
// their code.
#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>

#include "hv/base/errors.hpp"

namespace ring3 {

struct Verb {
    const char* name;
    const char* summary;
    const char* help;  // whole, with usage and options
    /// Gets what stands behind the verb. The result is the process's exit code.
    int (*run)(std::span<const std::string> arguments);
};

struct RegisteredVerb {
    explicit RegisteredVerb(const Verb& verb);
};

/// All verbs, by name.
const std::map<std::string_view, Verb>& verbs();

/// Prints "ring3: ..." to stderr: what a user may want to know while a verb runs.
void print_note(std::string_view text);
void print_warning(std::string_view text);
void print_error(std::string_view text);

constexpr int to_int(ExitCode code) { return static_cast<int>(code); }

}  // namespace ring3
