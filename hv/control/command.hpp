// SPDX-License-Identifier: MIT
// What a machine does on request: a name, as in a request's "verb", and a function. Commands
// register themselves, a group of them in each file of commands/.
//
// A command runs between two slices and never waits. It throws ControlError, ConfigError,
// EnvironmentError or std::system_error, and has changed nothing then.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "hv/control/protocol.hpp"
#include "hv/control/stream.hpp"
#include "hv/machine/machine.hpp"

namespace ring3 {

/// What there is beside the machine.
struct Service {
    Machine& machine;
    /// Of the machine.
    std::string name;
    /// Of the program.
    std::string version;
    bool is_asked_to_stop = false;
};

struct Reply {
    Json result;
    std::unique_ptr<Stream> stream;
};

struct Command {
    std::string_view name;
    Reply (*run)(Service& service, const Arguments& arguments);
};

struct RegisteredCommands {
    RegisteredCommands(std::initializer_list<Command> commands);
};

/// All commands, by name.
const std::map<std::string_view, Command>& commands();

/// The guest that a user names: by its name or its domain's number. Domain-0 is none. Throws
/// ControlError.
Guest& guest_named(Machine& machine, const std::string& name);
/// The same, with a domain that is there and has not ended.
Guest& living_guest_named(Machine& machine, const std::string& name);
/// Null when there is none.
Guest* find_guest(Machine& machine, const std::string& name);
bool is_domain0(const std::string& name);

}  // namespace ring3
