// SPDX-License-Identifier: MIT
#include "cli/machine_choice.hpp"

#include <cstdio>

#include <fmt/format.h>

#include "cli/verb.hpp"

namespace ring3 {

int MachineChoice::ask(const char* verb, const Json& request) const {
    const Json answer = connect().request(verb, request);
    if (json) print_json(verb, answer);
    return to_int(ExitCode::ok);
}

void print_json(const char* verb, const Json& result) {
    const Json document{{"ring3", protocol_version}, {"verb", verb}, {"result", result}};
    fmt::print("{}\n", document.dump(2, ' ', false, Json::error_handler_t::replace));
}

}  // namespace ring3
