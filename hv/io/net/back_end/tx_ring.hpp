// SPDX-License-Identifier: MIT
// What a guest transmits: packets of one or more requests, with extra information in between, made
// into frames. Each request is copied once and then checked.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "hv/abi/netif.hpp"
#include "hv/io/net/back_end/shared_ring.hpp"
#include "hv/io/net/packet/frame.hpp"

namespace ring3::net {

class TxRing final {
public:
    TxRing(Domain& guest, GrantedPage page) : guest_(guest), ring_(std::move(page)) {}

    /// Requests that were not taken; 0 too where the ring is broken.
    std::size_t waiting() const { return broken_ ? 0 : ring_.waiting().value_or(0); }
    /// The bytes of the next packet, by what its first request says; there is one.
    std::size_t next_bytes() const { return ring_.next<abi::TxRequest>().size; }

    struct Packet {
        std::size_t slots = 0;
        /// Its bytes last until the next packet is taken. Nothing: the packet was no good; its
        /// requests are answered with an error.
        std::optional<Frame> frame;
    };
    /// Takes the next packet and answers its requests; the front end sees the answers after push().
    /// Nothing when the ring is broken (now).
    std::optional<Packet> take();
    void push() { ring_.push(); }
    bool wants_event() { return ring_.wants_event(); }
    /// True: requests are there already.
    bool ask_for_kick() {
        if (waiting() == 0) ring_.ask_for_event(1);
        return waiting() != 0;
    }

    /// True: the ring is broken; perhaps because its index is impossible now.
    bool check() {
        if (!broken_ && !ring_.waiting()) breaks("the tx ring has an impossible index");
        return broken_.has_value();
    }
    /// What the front end did that no front end does.
    const std::optional<std::string>& broken() const { return broken_; }

private:
    /// More than this, and the packet is dropped; many more, and the ring is broken (as in Linux'
    /// netback, where front ends of some systems were met that use a few too many).
    static constexpr std::size_t most_slots = XEN_NETIF_NR_SLOTS_MIN, fatal_slots = 20;
    /// Extra information of each kind once.
    static constexpr std::size_t most_extras = XEN_NETIF_EXTRA_TYPE_MAX - 1;

    /// One packet as it stands in the ring.
    struct Slots {
        std::array<abi::TxRequest, fatal_slots> data;
        std::size_t data_count = 0;
        std::size_t extra_count = 0;
        std::optional<abi::NetExtraInfo> gso;
        bool is_good = true;
    };

    bool collect(Slots& slots);
    bool collect_extras(Slots& slots, std::uint32_t& left);
    bool collect_data(Slots& slots, std::uint32_t& left);
    bool copy(const Slots& slots);
    std::optional<Frame> make_frame(const Slots& slots);
    bool set_gso(const Slots& slots, Frame& frame);
    void answer(const Slots& slots, std::int16_t status);
    bool breaks(const char* why);

    Domain& guest_;
    SharedRing<::netif_tx_sring_entry> ring_;
    std::optional<std::string> broken_;
    std::vector<std::byte> room_;
};

}  // namespace ring3::net
