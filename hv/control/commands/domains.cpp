// SPDX-License-Identifier: MIT
// Commands that make, show, change and end domains.
#include <algorithm>

#include <fmt/format.h>

#include "hv/control/command.hpp"
#include "hv/control/console_stream.hpp"
#include "hv/control/create_request.hpp"
#include "hv/control/domain_summary.hpp"
#include "hv/control/guest_record.hpp"
#include "hv/machine/core_dump.hpp"

namespace ring3 {
namespace {

Json identity_of(Guest& guest) {
    return {{"name", guest.name()}, {"id", guest.domain()->id().raw}};
}

void refuse_taken_name(Machine& machine, const std::string& name) {
    for (Guest* const guest : machine.guests())
        if (guest->name() == name && guest->domain() != nullptr)
            throw ControlError{"name-taken", ExitCode::usage,
                               fmt::format("there is a domain \"{}\" already, number {}; give "
                                           "another name",
                                           name, guest->domain()->id().raw)};
}

Reply create(Service& service, const Arguments& arguments) {
    GuestSpec spec = guest_spec(arguments);
    refuse_taken_name(service.machine, spec.config.name);
    spec.starts_paused = arguments.flag("paused");
    auto record = add_record(spec);
    Guest& guest = service.machine.add_guest(std::move(spec));
    Reply reply{identity_of(guest), nullptr};
    if (arguments.flag("console"))
        reply.stream = std::make_unique<ConsoleStream>(service.machine, std::move(record));
    return reply;
}

Reply console(Service& service, const Arguments& arguments) {
    Guest& guest = guest_named(service.machine, arguments.string("domain"));
    auto record = record_of(guest);
    if (!record)
        throw ControlError{"no-console", ExitCode::usage,
                           fmt::format("the console of \"{}\" is not kept", guest.name())};
    return {identity_of(guest), std::make_unique<ConsoleStream>(service.machine, record)};
}

Reply list(Service& service, const Arguments& arguments) {
    const auto wanted = arguments.strings("domains");
    const Json all = domain_summaries(service.machine);
    if (wanted.empty()) return {all, nullptr};
    Json chosen = Json::array();
    for (const std::string& name : wanted) {
        const bool is_guest = !is_domain0(name) || find_guest(service.machine, name) != nullptr;
        chosen.push_back(is_guest
                             ? domain_summary(service.machine, guest_named(service.machine, name))
                             : all.front());
    }
    return {std::move(chosen), nullptr};
}

Reply pause(Service& service, const Arguments& arguments) {
    Guest& guest = living_guest_named(service.machine, arguments.string("domain"));
    // The tool's pause is one, however often it is asked for: as with xl.
    if (!guest.domain()->is_paused()) guest.domain()->pause();
    return {identity_of(guest), nullptr};
}

Reply unpause(Service& service, const Arguments& arguments) {
    Guest& guest = living_guest_named(service.machine, arguments.string("domain"));
    if (guest.domain()->is_paused()) guest.domain()->unpause();
    return {identity_of(guest), nullptr};
}

Reply destroy(Service& service, const Arguments& arguments) {
    Guest& guest = guest_named(service.machine, arguments.string("domain"));
    Json identity = identity_of(guest);
    service.machine.remove_guest(guest);
    return {std::move(identity), nullptr};
}

void write_as_domain0(Machine& machine, const std::string& path, const std::string& value) {
    const store::Error error = machine.store().write(domain0, 0, path, value);
    if (error != store::Error::none)
        throw ControlError{"store", ExitCode::environment,
                           fmt::format("cannot write {}: {}", path, store::error_name(error))};
}

Reply rename(Service& service, const Arguments& arguments) {
    Guest& guest = guest_named(service.machine, arguments.string("domain"));
    const std::string name = arguments.string("name");
    check_domain_name(name);
    if (name != guest.name()) refuse_taken_name(service.machine, name);
    const std::string home = store::Store::home_of(guest.domain()->id());
    write_as_domain0(service.machine, home + "/name", name);
    write_as_domain0(service.machine, "/vm/" + to_string(guest.domain()->uuid()) + "/name", name);
    guest.rename(name);
    return {identity_of(guest), nullptr};
}

/// Asks the guest's kernel through a node that it watches.
Reply ask_guest(Service& service, const Arguments& arguments, const char* node,
                const std::string& value) {
    Guest& guest = living_guest_named(service.machine, arguments.string("domain"));
    write_as_domain0(service.machine,
                     store::Store::home_of(guest.domain()->id()) + "/control/" + node, value);
    return {identity_of(guest), nullptr};
}

Reply shutdown(Service& service, const Arguments& arguments) {
    return ask_guest(service, arguments, "shutdown", "poweroff");
}
Reply reboot(Service& service, const Arguments& arguments) {
    return ask_guest(service, arguments, "shutdown", "reboot");
}

Reply sysrq(Service& service, const Arguments& arguments) {
    const std::string key = arguments.string("key");
    if (key.size() != 1 || std::isalnum(static_cast<unsigned char>(key[0])) == 0)
        throw ControlError{"usage", ExitCode::usage,
                           fmt::format("a sysrq is one letter or digit, not \"{}\"", key)};
    return ask_guest(service, arguments, "sysrq", key);
}

Reply dump_core(Service& service, const Arguments& arguments) {
    Guest& guest = guest_named(service.machine, arguments.string("domain"));
    const std::string path = arguments.string("path");
    const CoreDump core = write_core(*guest.domain(), path);
    Json reply = identity_of(guest);
    reply["path"] = path;
    reply["bytes"] = core.file_bytes;
    reply["is_whole"] = core.has_all_ranges;
    return {std::move(reply), nullptr};
}

/// Ends when none of some domains is alive.
class WaitStream final : public Stream {
public:
    WaitStream(Machine& machine, std::vector<std::string> ids)
        : machine_(machine), ids_(std::move(ids)) {}
    void take(const Json&) override {}
    bool advance(Connection& client) override {
        std::erase_if(ids_, [&](const std::string& id) {
            Guest* const guest = find_guest(machine_, id);
            return guest == nullptr || !guest->is_alive();
        });
        if (!ids_.empty()) return true;
        client.send({{"end", Json::object()}});
        return false;
    }

private:
    Machine& machine_;
    std::vector<std::string> ids_;
};

/// "domains": numbers, so that a domain which has gone already is not one that never was.
Reply wait(Service& service, const Arguments& arguments) {
    return {Json::object(),
            std::make_unique<WaitStream>(service.machine, arguments.strings("domains"))};
}

const RegisteredCommands entries{
    {"create", create},   {"console", console}, {"list", list},     {"pause", pause},
    {"unpause", unpause}, {"destroy", destroy}, {"rename", rename}, {"shutdown", shutdown},
    {"reboot", reboot},   {"sysrq", sysrq},     {"wait", wait},     {"dump-core", dump_core},
};

}  // namespace
}  // namespace ring3
