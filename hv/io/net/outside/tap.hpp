// SPDX-License-Identifier: MIT
// A switch's port to a TAP device of the host's kernel, where the user may open one.
#pragma once

#include <string>
#include <vector>

#include "hv/io/driver_domain.hpp"
#include "hv/io/host_poll.hpp"
#include "hv/io/net/packet/plain_frames.hpp"
#include "hv/io/net/switch/switch.hpp"

namespace ring3::net {

class Tap final : private Port, private Pollable {
public:
    /// The world is open. Throws EnvironmentError when the device cannot be opened.
    Tap(DriverDomain& domain, Switch& network, const std::string& device);
    ~Tap() override;
    Tap(const Tap&) = delete;
    Tap& operator=(const Tap&) = delete;

private:
    static constexpr int most_frames_per_task = 64;

    void receive(const Frame& frame) override;
    void prepare(std::vector<pollfd>& descriptors, Duration& at_most) override;
    void dispatch(std::span<const pollfd> descriptors) override;
    void read_frames();

    DriverDomain& domain_;
    Switch& switch_;
    int file_;
    PlainFrames plain_;
    std::vector<std::byte> room_;
    DriverDomain::Task read_;
};

}  // namespace ring3::net
