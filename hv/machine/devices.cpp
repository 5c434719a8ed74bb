// SPDX-License-Identifier: MIT
#include "hv/machine/devices.hpp"

#include <fmt/format.h>

#include "hv/base/random.hpp"
#include "hv/base/registry.hpp"
#include "hv/io/net/back_end/net_back_end.hpp"

namespace ring3 {
namespace {

constexpr const char* io_table = "io";
constexpr const char* net_table = "net";

/// Each is made once on trial; the table's own choice keeps the values in effect.
template <class Interface, class... Needs>
void check(MachineConfig& config, const char* table, Needs... needs) {
    PolicyChoice& own = config.policy(table);
    Registry<Interface>::create(own.name, own.params, needs...);
    for (PolicyChoice& choice : config.device_policies(table))
        Registry<Interface>::create(choice.name, choice.params, needs...);
}

/// Losses of each direction of each link are their own, and the same in each run.
std::unique_ptr<LinkModel> make_link(const MachineConfig& config, const DeviceName& device,
                                     const char* direction) {
    PolicyChoice choice = config.device_policy(net_table, device);
    const std::uint64_t stream =
        stream_of(fmt::format("{}/{} {}", device.domain, device.device, direction));
    return Registry<LinkModel>::create(choice.name, choice.params, stream);
}

}  // namespace

IoPathMaker io_path_maker(const MachineConfig& config, const DeviceName& device) {
    return [choice = config.device_policy(io_table, device)] {
        Params params = choice.params;
        return Registry<IoPath>::create(choice.name, params);
    };
}

std::unique_ptr<xenbus::BackEnd> make_vif(const MachineConfig& config, const VifSpec& spec,
                                          const std::string& domain_name,
                                          const xenbus::Place& place, net::Networks& networks) {
    const DeviceName device{domain_name, fmt::format("vif{}", spec.number), "vif", spec.bridge};
    net::Networks::Place plug = networks.plug(spec.bridge, spec.mac, spec.forwards);
    net::NetBackEnd::Parameters parameters;
    parameters.mac = spec.mac;
    parameters.mtu = spec.mtu;
    parameters.rate = spec.rate;
    parameters.make_path = io_path_maker(config, device);
    parameters.up = make_link(config, device, "up");
    parameters.down = make_link(config, device, "down");
    parameters.capture_file = spec.pcap;
    parameters.seat = std::move(plug.seat);
    parameters.notes = spec.notes;
    return std::make_unique<net::NetBackEnd>(place, spec.number, std::move(parameters),
                                             plug.network);
}

void check_device_policies(MachineConfig& config) {
    check<IoPath>(config, io_table);
    check<LinkModel>(config, net_table, std::uint64_t{0});
}

}  // namespace ring3
