// SPDX-License-Identifier: MIT
// One direction of a link: frames go in, and come out when the link's model says so, as frames of a
// wire: whole packets are segmented and have their checksums.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "hv/base/timer_queue.hpp"
#include "hv/io/driver_domain.hpp"
#include "hv/io/link_model/link_model.hpp"
#include "hv/io/net/packet/frame_queue.hpp"
#include "hv/io/net/packet/plain_frames.hpp"

namespace ring3::net {

class Link final {
public:
    /// Does not send through this link.
    using Deliver = std::function<void(const Frame&)>;

    /// `name` is for the timer. An ideal model hands each frame on at once, as it is.
    Link(DriverDomain& domain, std::unique_ptr<LinkModel> model, const std::string& name,
         Deliver deliver);

    /// Called inside of a task of Domain-0, as `deliver` is.
    void send(const Frame& frame);
    /// What is under way is lost.
    void clear();

private:
    /// What can be under way at once; models limit what waits, but not the travelling time.
    static constexpr std::size_t most_bytes = std::size_t{64} << 20;
    static constexpr int most_frames_per_task = 64;

    void deliver_due();

    DriverDomain& domain_;
    const std::unique_ptr<LinkModel> model_;
    const Deliver deliver_;
    PlainFrames plain_;
    FrameQueue under_way_{most_bytes};
    DriverDomain::Task task_;
    TimerQueue::Timer timer_;
};

}  // namespace ring3::net
