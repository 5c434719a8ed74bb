// SPDX-License-Identifier: MIT
// One domain's connection to the store: cuts the byte stream of the shared page into messages, and
// sends replies and watch events back as far as the guest makes room for them.
#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "hv/base/units.hpp"
#include "hv/io/byte_ring.hpp"
#include "hv/io/store/protocol.hpp"
#include "hv/io/store/store.hpp"

namespace ring3::store {

class Connection {
public:
    using Notify = std::function<void()>;

    /// `page` belongs to the domain and is held for it. `notify` raises the guest's event channel.
    Connection(FrameTable& frames, Mfn page, Store& store, DomainId client, Notify notify);

    /// Answers what stands in the request ring and sends what fits. A client whose replies wait for
    /// room gets no further request answered: what is kept for it stays bounded.
    void serve();
    /// Queues a watch event, to be sent by the next serve(), behind the reply of the running
    /// request. When too much waits already, the client is told once to look at all that this watch
    /// sees, instead of each change: what is kept for it stays bounded, and it misses nothing.
    void add_event(std::string_view path, std::string_view token);
    /// Events wait to be sent.
    bool has_waiting() const { return !waiting_events_.empty() || !unsent_.empty(); }
    /// The client broke the protocol; it is not listened to any more.
    bool is_broken() const { return broken_; }

private:
    bool take_request(Message& request);
    bool receive(std::size_t wanted);
    void queue(const Message& message);
    void queue_events();
    bool queue_event(std::string_view path, std::string_view token, std::size_t most_bytes);
    void send();
    void break_off(std::uint32_t why);

    FrameTable& frames_;
    const Mfn page_;
    ByteRing requests_;
    ByteRing replies_;
    Store& store_;
    const DomainId client_;
    Notify notify_;

    std::vector<std::byte> received_;         ///< the message that is arriving
    std::vector<std::byte> unsent_;           ///< what did not fit into the ring
    std::deque<std::string> waiting_events_;  ///< their payloads
    std::set<std::string> known_events_;      ///< the same, to know those that wait already
    std::size_t waiting_bytes_ = 0;
    bool moved_ = false;  ///< an index changed since the last notify
    bool broken_ = false;
};

}  // namespace ring3::store
