// SPDX-License-Identifier: MIT
// The way of frames from the host into a switch: through the machine's door for inputs from
// outside, then as Domain-0's work.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "hv/io/driver_domain.hpp"
#include "hv/io/net/packet/frame_queue.hpp"
#include "hv/io/net/switch/switch.hpp"
#include "hv/io/outside_input.hpp"

namespace ring3::net {

class Inlet final {
public:
    /// Frames come into the switch at this port. The machine has an outside.
    Inlet(DriverDomain& domain, Switch& network, Port& port);

    /// A frame of the host, at any time; it may be lost when too many come.
    void add(Bytes frame, Checksum checksum);
    /// Hands in what was added, as far as the door is open now.
    void hand_in();
    /// Something from the inside, in answer to a guest: into the switch as Domain-0's next work.
    void answer(Bytes frame, Checksum checksum);

private:
    static constexpr std::size_t most_waiting_bytes = 1 << 20;
    static constexpr int most_frames_per_task = 64;

    std::size_t take(std::span<const std::byte> records);
    void deliver();

    DriverDomain& domain_;
    Switch& switch_;
    Port& port_;
    /// Outside of the door, and inside.
    FrameQueue offered_{most_waiting_bytes}, taken_{most_waiting_bytes};
    std::vector<std::byte> records_;
    DriverDomain::Task deliver_;
    const std::unique_ptr<OutsideInput> door_;
};

}  // namespace ring3::net
