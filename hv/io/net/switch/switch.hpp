// SPDX-License-Identifier: MIT
// A learning switch (IEEE 802.1D, 7.7 to 7.9): a frame goes to the port behind which its
// destination was seen last, or to all others. What it has learnt is bounded for each port, so that
// no guest can make it forget where the others are, and is forgotten after a while of machine time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "hv/base/units.hpp"
#include "hv/io/driver_domain.hpp"
#include "hv/io/net/packet/mac.hpp"
#include "hv/io/net/switch/port.hpp"

namespace ring3::net {

class Switch final {
public:
    static constexpr std::size_t most_addresses_per_port = 256;
    /// 802.1D, table 7-5.
    static constexpr Duration ageing_time = std::chrono::seconds{300};

    Switch(DriverDomain& domain, std::string name) : domain_(domain), name_(std::move(name)) {}
    Switch(const Switch&) = delete;
    Switch& operator=(const Switch&) = delete;

    const std::string& name() const { return name_; }
    /// Ports are flooded in the order in which they joined. Not from inside of receive().
    void join(Port& port);
    void leave(Port& port);
    std::size_t port_count() const { return ports_.size(); }

    /// A frame comes in at this port. Called inside of a task of Domain-0.
    void forward(Port& from, const Frame& frame);

private:
    struct Place {
        Port* port;
        Time seen;
    };
    struct Member {
        Port* port;
        std::size_t addresses = 0;
    };

    Member& member_of(const Port& port);
    void learn(const Mac& mac, Port& port);
    void forget(std::map<Mac, Place>::iterator known);
    void forget_old(const Port& port);

    DriverDomain& domain_;
    const std::string name_;
    std::vector<Member> ports_;
    std::map<Mac, Place> places_;
};

}  // namespace ring3::net
