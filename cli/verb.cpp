// SPDX-License-Identifier: MIT
#include "cli/verb.hpp"

#include <cstdio>

#include "hv/base/check.hpp"

namespace ring3 {
namespace {

// A function's static: verbs register while other files' objects are still being constructed.
std::map<std::string_view, Verb>& table() {
    static std::map<std::string_view, Verb> instance;
    return instance;
}

void print(const char* kind, std::string_view text) {
    // One write, so that lines of several processes do not mix; and stdout's lines come first if
    // both go to the same place.
    std::fflush(stdout);
    const std::string line = std::string{"ring3: "} + kind + std::string{text} + "\n";
    std::fwrite(line.data(), 1, line.size(), stderr);
}

}  // namespace

RegisteredVerb::RegisteredVerb(const Verb& verb) {
    const bool is_new = table().emplace(verb.name, verb).second;
    HV_CHECK(is_new, "two verbs have the same name");
}

const std::map<std::string_view, Verb>& verbs() { return table(); }

void print_note(std::string_view text) { print("", text); }
void print_warning(std::string_view text) { print("warning: ", text); }
void print_error(std::string_view text) { print("error: ", text); }

}  // namespace ring3
