// SPDX-License-Identifier: MIT
// A verb of the command line: `ring3 VERB ARGUMENTS...`. Each is one file in this folder that ends
// in
//   const RegisteredVerb entry{{"image", "one line for --help", "the text of `ring3 help image`",
//   run}};
// A verb throws ConfigError, EnvironmentError, ControlError or std::system_error: main prints them
// and exits with their code.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>

#include "hv/base/errors.hpp"

namespace ring3 {

/// Under which head the overview shows a verb.
enum class VerbGroup : std::uint8_t { machine, domain, device, store, files, experiment };

struct Verb {
    const char* name;
    const char* summary;
    std::string help;  // whole, with usage and options
    /// Gets what stands behind the verb. The result is the process's exit code.
    std::function<int(std::span<const std::string> arguments)> run;
    VerbGroup group = VerbGroup::domain;
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
