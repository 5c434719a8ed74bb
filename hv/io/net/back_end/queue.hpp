// SPDX-License-Identifier: MIT
// One queue of a network interface: a ring to transmit and one to receive, each driven by its I/O
// path, with the events of both, and the frames that wait for buffers of the guest.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "hv/domain/back_end_port.hpp"
#include "hv/io/driver_domain.hpp"
#include "hv/io/net/back_end/rate_limit.hpp"
#include "hv/io/net/back_end/rx_ring.hpp"
#include "hv/io/net/back_end/tx_ring.hpp"
#include "hv/io/net/packet/frame_queue.hpp"
#include "hv/io/ring_depth.hpp"
#include "hv/io/ring_driver.hpp"

namespace ring3::net {

/// What a front end can take.
struct Features {
    bool scatter_gather = false;
    bool ipv4_checksum = true;
    bool ipv6_checksum = false;
    bool gso_ipv4 = false;
    bool gso_ipv6 = false;
    GsoStyle gso_style = GsoStyle::extra_info;
    /// It kicks when it has posted buffers: frames may wait for them.
    bool rx_notify = false;
};

class Queue final {
public:
    /// What the queue asks of its device; called inside of tasks of Domain-0.
    struct Device {
        /// The guest has sent this. The bytes last for the call.
        std::function<void(const Frame&)> transmit;
        /// The front end does what no front end does. The queue is not destroyed inside.
        std::function<void(const std::string& why)> broken;
        std::function<std::unique_ptr<IoPath>()> make_path;
        /// Shared by all queues of the device; null: no limit.
        RateLimit* limit = nullptr;
        /// For records.
        std::uint32_t number = 0;
    };
    struct Rings {
        GrantedPage tx, rx;
        /// The same port for both where the front end has no split event channels.
        EventPort tx_port, rx_port;
    };

    /// `name` is for timers: "d1 vif-0 q0".
    Queue(DriverDomain& domain, Domain& guest, Rings rings, const Features& features, Device device,
          const std::string& name);

    /// False: the guest had not allocated its event channels for Domain-0.
    bool is_bound() const;
    /// The first look at the rings.
    void start();
    /// A frame for the guest, of a kind that it takes. May be dropped. Inside of a task.
    void receive(const Frame& frame);
    /// "tx": what the guest has sent and nobody has taken; "rx": its buffers for frames to come.
    std::vector<RingDepth> depths() const;

private:
    /// As Linux' netback: half a ring of pages.
    static constexpr std::size_t most_waiting_bytes = 128 * page_size;

    std::size_t serve_tx();
    std::size_t serve_rx();
    bool ask_for_tx_kick();
    bool ask_for_rx_kick();
    bool has_room(const Frame& frame) const;
    void put(const Frame& frame);
    bool is_broken();
    void event(bool tx, bool rx);

    DriverDomain& domain_;
    Domain& guest_;
    const Features features_;
    const Device device_;
    TxRing tx_;
    RxRing rx_;
    FrameQueue waiting_{most_waiting_bytes};
    bool told_broken_ = false;
    /// The next packet waits for the rate limit.
    bool is_held_ = false;
    std::optional<BackEndPort> tx_port_, rx_port_;
    RingDriver tx_driver_, rx_driver_;
    TimerQueue::Timer credit_timer_;
};

}  // namespace ring3::net
