// SPDX-License-Identifier: MIT
// File descriptors of the host that an open world waits for: sockets, terminals, taps. One poll for
// all of them, made between two slices and while no vCPU can run.
#pragma once

#include <span>
#include <vector>

#include <poll.h>

#include "hv/base/units.hpp"

namespace ring3 {

/// Somebody who waits for descriptors.
class Pollable {
public:
    virtual ~Pollable() = default;
    /// Adds the descriptors waited for, and lowers `at_most` to when a turn is wanted in any case.
    virtual void prepare(std::vector<pollfd>& descriptors, Duration& at_most) = 0;
    /// The same descriptors with what happened to them, which may be nothing. May add and remove
    /// Pollables, itself too.
    virtual void dispatch(std::span<const pollfd> descriptors) = 0;
};

class HostPoll {
public:
    /// Who was added last gets its first turn in the next poll. Removed before it is destroyed.
    void add(Pollable& pollable);
    void remove(Pollable& pollable);
    bool is_empty() const { return pollables_.empty(); }
    /// One poll: sleeps at most so long (zero: only looks), then gives everyone a turn.
    void poll(Duration at_most);

private:
    /// Null: removed while a poll went on.
    std::vector<Pollable*> pollables_;
    std::vector<pollfd> descriptors_;
    bool polling_ = false;
};

}  // namespace ring3
