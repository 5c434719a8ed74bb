// SPDX-License-Identifier: MIT
// The DHCP server of a NAT network (RFC 2131): each guest's interface has an address that is known
// before it asks, so that ports of the host can be forwarded to it.
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "hv/io/net/outside/host_forward.hpp"
#include "hv/io/net/packet/frame.hpp"
#include "hv/io/net/packet/mac.hpp"

namespace ring3::net {

class Dhcp final {
public:
    struct Network {
        Ipv4 netmask, gateway, name_server, first, last;
        Mac server_mac;
    };

    explicit Dhcp(const Network& network) : network_(network) {}

    /// The interface's address from now on; the one it had before, if that is free. Nothing: all
    /// are taken.
    std::optional<Ipv4> lease(const Mac& mac);
    /// As many times as it was leased: others may have the address.
    void release(const Mac& mac);

    /// Whether a frame is for DHCP servers; then its answer is what was put into `reply`, which may
    /// be nothing.
    bool answer(Bytes frame, std::vector<std::byte>& reply) const;

private:
    struct Lease {
        Ipv4 address;
        int users = 0;
    };
    std::optional<Ipv4> free_address();

    const Network network_;
    std::map<Mac, Lease> leases_;
};

}  // namespace ring3::net
