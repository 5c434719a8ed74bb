// SPDX-License-Identifier: MIT
// Drives one ring of a device by the answers of its I/O path: from the front end's kick to the look
// at the ring (as Domain-0's work), from responses to the notification.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "hv/io/driver_domain.hpp"
#include "hv/io/path/io_path.hpp"

namespace ring3 {

class RingDriver {
public:
    /// What the device does; each is called only while the driver exists.
    struct Ring {
        /// Requests in the ring that were not taken yet.
        std::function<std::size_t()> waiting;
        /// Takes requests and does, or starts, what they ask; says how many it took. Charges
        /// Domain-0 itself. Leaves requests in the ring when it cannot have more in flight; then
        /// the device calls look() when that has changed.
        std::function<std::size_t()> serve;
        /// Asks the front end for an event at its next request. True: requests that can be taken
        /// now have come meanwhile.
        std::function<bool()> ask_for_kick;
        /// Raises the front end's event, if it asked for one since the last time.
        std::function<void()> notify;
    };

    /// `name` stands in the digest of the machine's state, at its timers: "d1 vbd-51712 q0".
    RingDriver(DriverDomain& domain, std::unique_ptr<IoPath> path, const std::string& name,
               Ring ring);

    IoPath::Transfer transfer() const { return path_->transfer(); }
    /// The front end is connected: the first look, which may find requests from before.
    void start();
    /// The front end's event has come.
    void kicked();
    /// Look as soon as Domain-0 can.
    void look() { look_.schedule(); }
    /// Responses were put into the ring.
    void responses_added(std::size_t count);

private:
    void do_look();
    void do_notify();

    DriverDomain& domain_;
    std::unique_ptr<IoPath> path_;
    Ring ring_;
    std::optional<Time> first_kick_;
    std::size_t unannounced_ = 0;
    Time first_unannounced_{};
    DriverDomain::Task look_;
    TimerQueue::Timer look_timer_;
    TimerQueue::Timer notify_timer_;
};

}  // namespace ring3
