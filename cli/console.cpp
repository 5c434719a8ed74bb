// SPDX-License-Identifier: MIT
// ring3 console: this terminal on a domain's console.
#include "cli/console_client.hpp"
#include "cli/machine_choice.hpp"
#include "cli/verb.hpp"

namespace ring3 {
namespace {

constexpr const char* help =
    "usage: ring3 console [OPTIONS] DOMAIN\n"
    "\n"
    "Attaches this terminal to the domain's console, beginning with the last 64 KiB of what it\n"
    "showed. Ctrl-] leaves it, and the domain goes on. Standard input may be a file or a pipe.\n"
    "\n"
    "  -M, --machine-name NAME   one of several machines\n"
    "\n"
    "Exit code: 0 left, or the domain has ended; 6 it crashed.\n";

int run(std::span<const std::string> arguments) {
    MachineChoice choice;
    CommandLine line("console");
    line.value("machine-name,M", choice.machine);
    const auto words = line.parse(arguments, {1, 1, "a domain"});
    Client client = choice.connect();
    client.request("console", {{"domain", words[0]}});
    return attach_console(client);
}

const RegisteredVerb entry{{"console", "attaches this terminal to a domain's console", help, run}};

}  // namespace
}  // namespace ring3
