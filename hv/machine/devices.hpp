// SPDX-License-Identifier: MIT
// From what a config says of a device to the back end that is it: looks up the policies that the
// machine file chooses for it.
#pragma once

#include <functional>
#include <memory>

#include "hv/io/net/networks.hpp"
#include "hv/io/path/io_path.hpp"
#include "hv/io/xenbus/back_end.hpp"
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

/// Throws ConfigError for policies and parameters that devices would be refused for.
void check_device_policies(MachineConfig& config);

}  // namespace ring3
