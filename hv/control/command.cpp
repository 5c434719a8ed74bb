// SPDX-License-Identifier: MIT
#include "hv/control/command.hpp"

#include <algorithm>
#include <cctype>
#include <vector>

#include <fmt/format.h>

#include "hv/base/check.hpp"
#include "hv/base/nearest_name.hpp"

namespace ring3 {
namespace {

// A function's static: commands register while other files' objects are still being constructed.
std::map<std::string_view, Command>& table() {
    static std::map<std::string_view, Command> instance;
    return instance;
}

constexpr const char* domain0_name = "Domain-0";

}  // namespace

RegisteredCommands::RegisteredCommands(std::initializer_list<Command> commands) {
    for (const Command& command : commands) {
        const bool is_new = table().emplace(command.name, command).second;
        HV_CHECK(is_new, "two commands have the same name");
    }
}

const std::map<std::string_view, Command>& commands() { return table(); }

bool is_domain0(const std::string& name) { return name == domain0_name || name == "0"; }

Guest* find_guest(Machine& machine, const std::string& name) {
    // As in xl, what consists of digits is a number.
    const bool is_number =
        !name.empty() && std::ranges::all_of(name, [](unsigned char c) { return std::isdigit(c); });
    for (Guest* const guest : machine.guests()) {
        if (guest->domain() == nullptr) continue;
        if (is_number ? fmt::to_string(guest->domain()->id().raw) == name : guest->name() == name)
            return guest;
    }
    return nullptr;
}

Guest& guest_named(Machine& machine, const std::string& name) {
    if (Guest* const guest = find_guest(machine, name)) return *guest;
    if (is_domain0(name))
        throw ControlError{"domain-0", ExitCode::usage,
                           "Domain-0 is the machine itself: `ring3 down` ends it"};
    std::vector<std::string> names;
    for (const Guest* const guest : machine.guests()) names.push_back(guest->name());
    throw ControlError{"unknown-domain", ExitCode::usage,
                       fmt::format("there is no domain \"{}\"{}; `ring3 list` shows them", name,
                                   nearest_name_hint(name, names))};
}

Guest& living_guest_named(Machine& machine, const std::string& name) {
    Guest& guest = guest_named(machine, name);
    if (guest.is_alive()) return guest;
    throw ControlError{
        "ended", ExitCode::usage,
        fmt::format("\"{}\" has ended already and is kept as it was; `ring3 destroy` "
                    "takes it away",
                    guest.name())};
}

}  // namespace ring3
