// SPDX-License-Identifier: MIT
#include "hv/machine/devices.hpp"

#include <cstdlib>
#include <utility>

#include <fmt/format.h>

#include "hv/base/random.hpp"
#include "hv/base/registry.hpp"
#include "hv/io/block/back_end.hpp"
#include "hv/io/net/back_end/net_back_end.hpp"

namespace ring3 {
namespace {

constexpr const char* io_table = "io";
constexpr const char* net_table = "net";
constexpr const char* disk_table = "disk";

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

OpenedDisk open_disk(const DiskSpec& spec, HostIo& io, std::vector<std::string>& notes) {
    DiskSource source = spec.source;
    if (const char* const folder = std::getenv("TMPDIR"); folder != nullptr && *folder != 0)
        source.temporary_folder = folder;
    return {spec, open_disk(source, io, notes)};
}

std::unique_ptr<xenbus::BackEnd> make_disk_back_end(const xenbus::Place& place,
                                                    const std::string& guest,
                                                    const OpenedDisk& opened,
                                                    const MachineConfig& config) {
    const DiskSpec& spec = opened.spec;
    const DeviceName device{guest, spec.vdev, "vbd"};
    BlockBackEnd::Parameters parameters;
    parameters.number = spec.number;
    parameters.name = spec.vdev;
    parameters.is_cdrom = spec.is_cdrom;
    parameters.offers_discard = spec.offers_discard;
    parameters.disk = opened.disk;
    parameters.make_path = io_path_maker(config, device);
    if (place.driver_domain.has_modelled_devices()) {
        PolicyChoice choice = config.device_policy(disk_table, device);
        parameters.model = Registry<DiskModel>::create(choice.name, choice.params);
    }
    return std::make_unique<BlockBackEnd>(place, std::move(parameters));
}

void check_device_policies(MachineConfig& config) {
    check<IoPath>(config, io_table);
    check<LinkModel>(config, net_table, std::uint64_t{0});
    check<DiskModel>(config, disk_table);
}

}  // namespace ring3
