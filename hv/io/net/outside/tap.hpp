// SPDX-License-Identifier: MIT
// A switch's port to a TAP device of the host's kernel, where the user may open one.
#pragma once

#include <string>
#include <vector>

#include "hv/io/driver_domain.hpp"
#include "hv/io/host_poll.hpp"
#include "hv/io/net/outside/inlet.hpp"
#include "hv/io/net/packet/plain_frames.hpp"
#include "hv/io/net/switch/switch.hpp"

namespace ring3::net {

class Tap final : private Port, private Pollable {
public:
    /// The machine has an outside; in a replay the device is not opened. Throws EnvironmentError
    /// when the device cannot be opened.
    Tap(DriverDomain& domain, Switch& network, const std::string& device);
    ~Tap() override;
    Tap(const Tap&) = delete;
    Tap& operator=(const Tap&) = delete;

private:
    static constexpr int most_frames_per_poll = 64;

    void receive(const Frame& frame) override;
    void prepare(std::vector<pollfd>& descriptors, Duration& at_most) override;
    void dispatch(std::span<const pollfd> descriptors) override;

    DriverDomain& domain_;
    Switch& switch_;
    /// -1 in a replay.
    int file_ = -1;
    PlainFrames plain_;
    std::vector<std::byte> room_;
    Inlet inlet_;
};

}  // namespace ring3::net
