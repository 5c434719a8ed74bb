// SPDX-License-Identifier: MIT
// The back end of a domain's console: takes what the guest wrote into its shared page (Xen's public
// io/console.h), and hands it what was typed. Nothing is kept that has no bound: output goes to the
// sink at once, input waits in the hands of whoever offers it.
#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <vector>

#include "hv/base/units.hpp"
#include "hv/io/byte_ring.hpp"
#include "hv/io/ring_depth.hpp"

namespace ring3 {

class Console {
public:
    using Sink = std::function<void(std::span<const std::byte>)>;
    using Notify = std::function<void()>;

    /// `page` belongs to the domain and is held for it. `notify` raises the guest's event channel.
    Console(FrameTable& frames, Mfn page, Notify notify);

    void set_sink(Sink sink) { sink_ = std::move(sink); }

    /// Takes all output. Called on the guest's event, and at every turn without one: a guest that
    /// finds the ring full spins until somebody makes room (xen-console: "yield while full").
    void drain();
    /// Hands over as much as fits, and says how much that was.
    std::size_t offer_input(std::span<const std::byte> bytes);
    /// The guest has read all that it was given.
    bool has_read_all() const;
    /// The guest has written to its console: it has a driver for it.
    bool is_connected() const { return connected_; }
    /// In bytes; of impossible indices nothing.
    std::vector<RingDepth> ring_depths() const;

private:
    ByteRing in_;
    ByteRing out_;
    Notify notify_;
    Sink sink_;
    bool connected_ = false;
};

}  // namespace ring3
