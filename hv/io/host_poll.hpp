// SPDX-License-Identifier: MIT
// File descriptors of the host that an open world waits for: sockets, terminals, taps. One poll for
// all of them. Turns are given between two slices and while no vCPU can run: domains may come and
// go in them.
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
    /// May be asked several times before there is a turn.
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
    /// Whether something has happened for which poll() would give somebody a turn.
    bool is_calling();
    /// One poll: sleeps at most so long (zero: only looks), then gives everyone a turn.
    void poll(Duration at_most);

private:
    /// Fills descriptors_ and looks at them, sleeping at most so long. Answers where each one's
    /// end.
    std::vector<std::size_t> look(Duration at_most);

    /// Null: removed while a poll went on.
    std::vector<Pollable*> pollables_;
    std::vector<pollfd> descriptors_;
    bool polling_ = false;
};

}  // namespace ring3
