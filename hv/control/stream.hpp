// SPDX-License-Identifier: MIT
// What goes on over a connection after the reply to a request that began it: a console, a watch, a
// wait. It has the connection to itself until it ends.
#pragma once

#include "hv/control/connection.hpp"
#include "hv/control/protocol.hpp"

namespace ring3 {

class Stream {
public:
    /// A stream sends nothing while so much waits for the client: then it drops or keeps back.
    static constexpr std::size_t enough = std::size_t{256} << 10;

    virtual ~Stream() = default;

    /// A document from the client. Throws ControlError for one that makes no sense: the end.
    virtual void take(const Json& document) = 0;
    /// No further document can be taken now.
    virtual bool is_full() const { return false; }
    /// Called whenever something may have happened in the machine. Sends what there is to send, the
    /// last time {"end": ...}; false from then on.
    virtual bool advance(Connection& client) = 0;
    /// Wants to be called every few milliseconds, for what nobody tells about.
    virtual bool is_waiting() const { return false; }
};

}  // namespace ring3
