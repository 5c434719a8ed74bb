// SPDX-License-Identifier: MIT
// What can be plugged into a switch, and the way from there into it.
#pragma once

#include "hv/io/net/packet/frame.hpp"

namespace ring3::net {

class Port {
public:
    virtual ~Port() = default;
    /// A frame for whoever is behind this port. It may carry offload information of any kind; its
    /// bytes last for the call only. Called inside of a task of Domain-0.
    virtual void receive(const Frame& frame) = 0;
};

}  // namespace ring3::net
