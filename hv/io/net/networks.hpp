// SPDX-License-Identifier: MIT
// The networks of a machine: a switch for each bridge that a config names, some with a way to the
// outside. `nat` and `nat:NAME` reach it through libslirp, `tap:DEVICE` through a TAP device of the
// host; every other name is a bridge between guests.
#pragma once

#include <map>
#include <memory>
#include <span>
#include <string>

#include "hv/io/driver_domain.hpp"
#include "hv/io/net/outside/host_forward.hpp"
#include "hv/io/net/packet/mac.hpp"
#include "hv/io/net/switch/switch.hpp"

namespace ring3::net {

class Nat;
class Tap;

class Networks final {
public:
    explicit Networks(DriverDomain& domain);
    ~Networks();

    struct Place {
        Switch& network;
        /// What the outside keeps for the interface: its address and its forwarded ports.
        std::shared_ptr<void> seat;
    };
    /// Where an interface plugs in; the bridge is made when it is named first, and stays. Throws
    /// ConfigError for a name that cannot be, a way to the outside of a closed world, a port that
    /// is taken; EnvironmentError for a TAP device that cannot be opened.
    Place plug(const std::string& bridge, const Mac& mac, std::span<const HostForward> forwards);

private:
    struct Bridge;
    Bridge& find_or_make(const std::string& name);
    void open_outside(Bridge& bridge, const std::string& name);

    DriverDomain& domain_;
    std::map<std::string, std::unique_ptr<Bridge>> bridges_;
};

}  // namespace ring3::net
