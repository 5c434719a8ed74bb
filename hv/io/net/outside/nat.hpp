// SPDX-License-Identifier: MIT
// The way from a switch to the outside, and back through forwarded ports: libslirp, which makes
// sockets of this process out of the guests' connections. The network is 10.0.2.0/24: the host is
// 10.0.2.2, its name server 10.0.2.3, guests have 10.0.2.15 and up.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "hv/io/driver_domain.hpp"
#include "hv/io/host_poll.hpp"
#include "hv/io/net/outside/dhcp.hpp"
#include "hv/io/net/outside/host_forward.hpp"
#include "hv/io/net/outside/inlet.hpp"
#include "hv/io/net/packet/plain_frames.hpp"
#include "hv/io/net/switch/switch.hpp"

struct Slirp;

namespace ring3::net {

class Nat final : private Port, private Pollable {
public:
    /// The machine has an outside. Without the host's poll it is a replay: the outside is in the
    /// record, and nothing of the host is used. Switch and poll outlive this.
    Nat(DriverDomain& domain, Switch& network);
    ~Nat() override;
    Nat(const Nat&) = delete;
    Nat& operator=(const Nat&) = delete;

    /// An interface on this network: its address and its ports of the host, while this exists.
    class Seat final {
    public:
        /// Throws ConfigError for a port that is taken, and when there is no address left.
        Seat(Nat& nat, const Mac& mac, std::span<const HostForward> forwards);
        ~Seat();
        Seat(const Seat&) = delete;
        Seat& operator=(const Seat&) = delete;
        Ipv4 address() const { return address_; }

    private:
        void leave();

        Nat& nat_;
        const Mac mac_;
        Ipv4 address_;
        std::vector<HostForward> forwards_;
    };

private:
    struct Free {
        void operator()(Slirp* slirp) const;
    };
    struct Callbacks;

    // Port: from the guests.
    void receive(const Frame& frame) override;
    // Pollable: from the host.
    void prepare(std::vector<pollfd>& descriptors, Duration& at_most) override;
    void dispatch(std::span<const pollfd> descriptors) override;

    void add(const HostForward& forward, Ipv4 guest);
    void remove(const HostForward& forward);

    DriverDomain& domain_;
    Switch& switch_;
    Dhcp dhcp_;
    std::vector<std::byte> reply_;
    PlainFrames plain_;
    Inlet inlet_;
    std::vector<pollfd>* preparing_ = nullptr;
    std::size_t first_descriptor_ = 0;
    std::span<const pollfd> dispatching_;
    Time last_turn_{};
    /// Null in a replay.
    std::unique_ptr<Slirp, Free> slirp_;
};

}  // namespace ring3::net
