// SPDX-License-Identifier: MIT
// What a guest receives: frames put into the buffers whose grants it has posted.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "hv/abi/netif.hpp"
#include "hv/io/net/back_end/shared_ring.hpp"
#include "hv/io/net/packet/frame.hpp"

namespace ring3::net {

/// How a front end is told of a packet that is to be segmented: it stands behind the first slot, or
/// in a slot of its own before it (older front ends).
enum class GsoStyle : std::uint8_t { extra_info, prefix };

class RxRing final {
public:
    RxRing(Domain& guest, GrantedPage page) : guest_(guest), ring_(std::move(page)) {}

    /// Buffers that are there; 0 too where the ring is broken.
    std::size_t available() const { return broken_ ? 0 : ring_.waiting().value_or(0); }
    static std::size_t slots_for(const Frame& frame) {
        return (frame.bytes.size() + page_size - 1) / page_size + (frame.gso != Gso::none ? 1 : 0);
    }
    /// Puts the frame into slots_for() buffers, which are available.
    void put(const Frame& frame, GsoStyle style);
    /// True, the ring is broken: its index is impossible.
    bool check();
    void push() { ring_.push(); }
    bool wants_event() { return ring_.wants_event(); }
    /// Asks for an event at the next buffer.
    void ask_for_kick() { ring_.ask_for_event(1); }

    const std::optional<std::string>& broken() const { return broken_; }

private:
    void put_gso(const Frame& frame);
    void put_prefix(const Frame& frame);
    void put_bytes(Bytes bytes, std::uint16_t flags);

    Domain& guest_;
    SharedRing<::netif_rx_sring_entry> ring_;
    std::optional<std::string> broken_;
};

}  // namespace ring3::net
