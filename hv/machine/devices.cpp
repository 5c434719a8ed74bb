// SPDX-License-Identifier: MIT
#include "hv/machine/devices.hpp"

#include "hv/base/registry.hpp"

namespace ring3 {
namespace {

constexpr const char* io_table = "io";

/// Each is made once on trial; the table's own choice keeps the values in effect.
template <class Interface>
void check(MachineConfig& config, const char* table) {
    PolicyChoice& own = config.policy(table);
    Registry<Interface>::create(own.name, own.params);
    for (PolicyChoice& choice : config.device_policies(table))
        Registry<Interface>::create(choice.name, choice.params);
}

}  // namespace

IoPathMaker io_path_maker(const MachineConfig& config, const DeviceName& device) {
    return [choice = config.device_policy(io_table, device)] {
        Params params = choice.params;
        return Registry<IoPath>::create(choice.name, params);
    };
}

void check_device_policies(MachineConfig& config) { check<IoPath>(config, io_table); }

}  // namespace ring3
