// SPDX-License-Identifier: MIT
// From what a config says of a device to the back end that is it: looks up the policies that the
// machine file chooses for it.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "hv/io/block/disk.hpp"
#include "hv/io/block/host_io.hpp"
#include "hv/io/disk_model/disk_model.hpp"
#include "hv/io/net/networks.hpp"
#include "hv/io/path/io_path.hpp"
#include "hv/io/xenbus/back_end.hpp"
#include "hv/machine/config/disks.hpp"
#include "hv/machine/config/machine_config.hpp"
#include "hv/machine/config/vifs.hpp"

namespace ring3 {

/// Makes the I/O path of one more ring of a device.
using IoPathMaker = std::function<std::unique_ptr<IoPath>()>;

IoPathMaker io_path_maker(const MachineConfig& config, const DeviceName& device);

/// A network interface on its bridge, not opened yet. Throws ConfigError or EnvironmentError for
/// what cannot be had: a bridge, a port of the host, a file.
std::unique_ptr<xenbus::BackEnd> make_vif(const MachineConfig& config, const VifSpec& spec,
                                          const std::string& domain_name,
                                          const xenbus::Place& place, net::Networks& networks);

/// A disk of a guest. It is opened once, and locked until the guest is gone: a reboot finds it as
/// it was, also where what is written is kept nowhere.
struct OpenedDisk {
    DiskSpec spec;
    std::shared_ptr<Disk> disk;
};

/// Throws ConfigError or EnvironmentError. `notes` gets what the user should know.
OpenedDisk open_disk(const DiskSpec& spec, HostIo& io, std::vector<std::string>& notes);

/// The device by which the place's domain, of the guest of this name, sees the disk. In a closed
/// world a model of the disk, whose state begins anew with each domain, gives its times.
std::unique_ptr<xenbus::BackEnd> make_disk_back_end(const xenbus::Place& place,
                                                    const std::string& guest,
                                                    const OpenedDisk& opened,
                                                    const MachineConfig& config);

/// Throws ConfigError for policies and parameters that devices would be refused for.
void check_device_policies(MachineConfig& config);

}  // namespace ring3
