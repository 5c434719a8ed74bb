// SPDX-License-Identifier: MIT
// What a machine meets outside of itself while it runs: the person or program that started it.
// Implemented by who runs a machine (the command line, tests). As a Pollable it is waited for like
// any other descriptor of the host, where something may come in from outside at all.
#pragma once

#include "hv/io/host_poll.hpp"

namespace ring3 {

class Outside : public Pollable {
public:
    /// The run is to end at the next safe point. Asked often: must cost nothing.
    virtual bool wants_stop() = 0;
    /// The machine goes on without a living domain, waiting for new ones.
    virtual bool wants_to_go_on() { return false; }

    void prepare(std::vector<pollfd>&, Duration&) override {}
    void dispatch(std::span<const pollfd>) override {}
};

}  // namespace ring3
