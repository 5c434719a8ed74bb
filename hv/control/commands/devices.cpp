// SPDX-License-Identifier: MIT
// Commands about the devices of a domain. A request's "kind" is the store's word: "vbd" or "vif".
#include <algorithm>
#include <charconv>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "hv/control/command.hpp"
#include "hv/machine/config/disks.hpp"
#include "hv/machine/config/vifs.hpp"

namespace ring3 {
namespace {

using xenbus::BackEnd;

std::optional<std::string> read_node(store::Store& store, const std::string& path) {
    std::string value;
    if (store.read(domain0, 0, path, value) != store::Error::none) return std::nullopt;
    return value;
}

/// A number that the guest wrote; -1, as xl prints it, for none. With several queues, the first's.
std::int64_t front_number(store::Store& store, const BackEnd& device, const std::string& name) {
    std::int64_t number = -1;
    for (const char* queue : {"/", "/queue-0/"})
        if (const auto text = read_node(store, device.front_path() + queue + name))
            std::from_chars(text->data(), text->data() + text->size(), number);
    return number;
}

Json summary_of(store::Store& store, const BackEnd& device) {
    Json summary{{"number", device.number()},
                 {"back_end_domain", 0},
                 {"state", static_cast<int>(device.state())},
                 {"event_channel", front_number(store, device, "event-channel")}};
    if (device.kind() == "vif") {
        summary["mac"] = read_node(store, device.front_path() + "/mac").value_or("");
        // One channel for both directions, or one for each.
        if (summary["event_channel"] == -1)
            summary["event_channel"] = front_number(store, device, "event-channel-tx");
        for (const char* name : {"tx-ring-ref", "rx-ring-ref"})
            summary[name] = front_number(store, device, name);
    } else {
        const std::int64_t ring = front_number(store, device, "ring-ref");
        summary["ring-ref"] = ring != -1 ? ring : front_number(store, device, "ring-ref0");
        summary["name"] = read_node(store, device.back_path() + "/dev").value_or("");
    }
    summary["back_path"] = device.back_path();
    return summary;
}

Reply list(Service& service, const Arguments& arguments) {
    Guest& guest = guest_named(service.machine, arguments.string("domain"));
    const std::string kind = arguments.string("kind");
    Json all = Json::array();
    for (const auto& device : guest.devices())
        if (device->kind() == kind) all.push_back(summary_of(service.machine.store(), *device));
    return {std::move(all), nullptr};
}

/// By its number, a block device's name or an interface's MAC.
BackEnd& device_named(Machine& machine, Guest& guest, const std::string& kind,
                      const std::string& name) {
    for (const auto& device : guest.devices()) {
        if (device->kind() != kind) continue;
        const Json summary = summary_of(machine.store(), *device);
        const char* const other = kind == "vif" ? "mac" : "name";
        if (fmt::to_string(device->number()) == name || summary[other] == name) return *device;
    }
    throw ControlError{"unknown-device", ExitCode::usage,
                       fmt::format("\"{}\" has no {} \"{}\"; `ring3 {}-list {}` shows them",
                                   guest.name(), kind == "vif" ? "interface" : "block device", name,
                                   kind == "vif" ? "network" : "block", guest.name())};
}

Reply detach(Service& service, const Arguments& arguments) {
    Guest& guest = living_guest_named(service.machine, arguments.string("domain"));
    BackEnd& device =
        device_named(service.machine, guest, arguments.string("kind"), arguments.string("device"));
    Json result{{"number", device.number()}};
    if (arguments.flag("force"))
        guest.tear_off(device);
    else
        guest.detach(device);
    return {std::move(result), nullptr};
}

std::uint32_t unused_number(const Guest& guest, std::string_view kind) {
    std::uint32_t number = 0;
    const auto is_used = [&](const auto& device) {
        return device->kind() == kind && device->number() == number;
    };
    while (std::ranges::any_of(guest.devices(), is_used)) ++number;
    return number;
}

Reply attach_vif(Service& service, const Arguments& arguments) {
    Guest& guest = living_guest_named(service.machine, arguments.string("domain"));
    std::vector<std::string> warnings;
    VifSpec vif = parse_vif(arguments.string("spec"), unused_number(guest, "vif"),
                            guest.domain()->uuid(), "network-attach", warnings);
    // Relative to where the user is.
    if (!vif.pcap.empty())
        vif.pcap = std::filesystem::path(arguments.string("directory")) / vif.pcap;
    service.machine.attach(guest, vif);
    return {{{"number", vif.number}, {"warnings", warnings}}, nullptr};
}

Reply attach_disk(Service& service, const Arguments& arguments) {
    Guest& guest = living_guest_named(service.machine, arguments.string("domain"));
    std::vector<std::string> notes;  // the client has shown them
    DiskSpec disk = parse_disk(arguments.string("spec"), notes);
    const Arguments files(arguments.object("files"));
    for (std::string* path : {&disk.source.path, &disk.source.overlay_path})
        if (!path->empty()) *path = files.string(path->c_str());
    service.machine.attach(guest, disk);
    return {{{"number", disk.number}, {"name", disk.vdev}}, nullptr};
}

const RegisteredCommands entries{{"disk-attach", attach_disk},
                                 {"device-list", list},
                                 {"device-detach", detach},
                                 {"vif-attach", attach_vif}};

}  // namespace
}  // namespace ring3
