// SPDX-License-Identifier: MIT
// What a machine meets outside of itself while it runs: the person or program that started it.
// Implemented by who runs a machine (the command line, tests).
#pragma once

#include "hv/base/units.hpp"

namespace ring3 {

class Outside {
public:
    virtual ~Outside() = default;

    /// The run is to end at the next safe point. Asked often: must cost nothing.
    virtual bool wants_stop() = 0;
    /// Called every few milliseconds of an open world: hand in what has arrived.
    virtual void look() {}
    /// Called as often, between two slices: no vCPU runs, so that domains may be added, changed and
    /// taken away.
    virtual void take_turn() {}
    /// The machine goes on without a living domain, waiting for new ones.
    virtual bool wants_to_go_on() { return false; }
    /// No vCPU can run: sleep until something arrives, but at most so long.
    /// This is a turn as well.
    virtual void wait(Duration at_most) = 0;
};

}  // namespace ring3
