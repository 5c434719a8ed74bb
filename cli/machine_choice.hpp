// SPDX-License-Identifier: MIT
// The options that every verb about a machine in the background has: which machine, and whether the
// answer is one JSON document.
#pragma once

#include <string>

#include "cli/arguments.hpp"
#include "hv/control/client.hpp"
#include "hv/control/endpoint.hpp"
#include "hv/control/protocol.hpp"

namespace ring3 {

struct MachineChoice {
    std::string machine = Endpoint::default_machine;
    bool json = false;

    CommandLine& add_to(CommandLine& line) {
        return line.value("machine-name,M", machine).flag("json", json);
    }
    Endpoint endpoint() const { return Endpoint(machine); }
    /// Throws ControlError when no such machine is up.
    Client connect() const { return Client::connect(endpoint()); }
    /// Of a verb whose answer only programs want: it is printed with --json. The exit code.
    int ask(const char* verb, const Json& request) const;

    /// What the help of such a verb says of these options.
    static constexpr const char* help =
        "  -M, --machine-name NAME   one of several machines\n"
        "      --json                as one JSON document\n";
};

/// Prints `result` as the one document of --json: {"ring3": 1, "verb": VERB, "result": ...}.
void print_json(const char* verb, const Json& result);

}  // namespace ring3
