// SPDX-License-Identifier: MIT
#include "hv/io/net/back_end/tx_ring.hpp"

#include <algorithm>
#include <cstring>

#include "hv/io/net/packet/checksum.hpp"
#include "hv/io/net/packet/headers.hpp"

namespace ring3::net {

bool TxRing::breaks(const char* why) {
    broken_ = why;
    return false;
}

std::optional<TxRing::Packet> TxRing::take() {
    Slots slots;
    if (broken_ || !collect(slots)) return std::nullopt;
    Packet packet;
    packet.slots = slots.data_count + slots.extra_count;
    if (slots.is_good) packet.frame = make_frame(slots);
    if (broken_) return std::nullopt;
    answer(slots, packet.frame ? NETIF_RSP_OKAY : NETIF_RSP_ERROR);
    return packet;
}

/// Takes the requests of one packet from the ring; false: that is no packet, the ring is broken.
bool TxRing::collect(Slots& slots) {
    if (check()) return false;
    auto left = static_cast<std::uint32_t>(waiting());
    if (left == 0) return breaks("a packet is missing from the tx ring");
    slots.data[slots.data_count++] = ring_.next<abi::TxRequest>();
    ring_.take();
    --left;
    if ((slots.data[0].flags & NETTXF_extra_info) != 0 && !collect_extras(slots, left))
        return false;
    return collect_data(slots, left);
}

bool TxRing::collect_extras(Slots& slots, std::uint32_t& left) {
    abi::NetExtraInfo extra;
    do {
        if (left == 0) return breaks("extra information is missing from the tx ring");
        extra = ring_.next<abi::NetExtraInfo>();
        ring_.take();
        --left;
        if (extra.type == XEN_NETIF_EXTRA_TYPE_NONE || extra.type >= XEN_NETIF_EXTRA_TYPE_MAX)
            return breaks("extra information of an unknown type in the tx ring");
        if (++slots.extra_count > most_extras)
            return breaks("too much extra information in the tx ring");
        if (extra.type == XEN_NETIF_EXTRA_TYPE_GSO) slots.gso = extra;
    } while ((extra.flags & XEN_NETIF_EXTRA_FLAG_MORE) != 0);
    return true;
}

/// The first request's size is that of the packet: what the others have is subtracted.
bool TxRing::collect_data(Slots& slots, std::uint32_t& left) {
    abi::TxRequest& first = slots.data[0];
    slots.is_good = first.size >= ethernet_header;
    bool has_more = (first.flags & NETTXF_more_data) != 0;
    while (has_more) {
        if (left == 0) return breaks("a packet in the tx ring has no end");
        if (slots.data_count == fatal_slots) return breaks("a packet of too many requests");
        abi::TxRequest& request = slots.data[slots.data_count++];
        request = ring_.next<abi::TxRequest>();
        ring_.take();
        --left;
        has_more = (request.flags & NETTXF_more_data) != 0;
        if (std::size_t{request.offset} + request.size > page_size)
            return breaks("a tx request crosses the end of its page");
        if (request.size > first.size)
            slots.is_good = false;
        else
            first.size = static_cast<std::uint16_t>(first.size - request.size);
    }
    if (slots.is_good && std::size_t{first.offset} + first.size > page_size)
        return breaks("a tx request crosses the end of its page");
    slots.is_good = slots.is_good && slots.data_count <= most_slots;
    return true;
}

/// Copies the packet's bytes; false: the guest does not grant what it says.
bool TxRing::copy(const Slots& slots) {
    room_.clear();
    for (const abi::TxRequest& request : std::span{slots.data}.first(slots.data_count)) {
        if (request.size == 0) continue;
        const auto page = GrantedPage::map(guest_, request.gref, GrantedPage::Use::read);
        if (!page) return false;
        const auto bytes = page->bytes().subspan(request.offset, request.size);
        room_.insert(room_.end(), bytes.begin(), bytes.end());
    }
    return true;
}

std::optional<Frame> TxRing::make_frame(const Slots& slots) {
    if (!copy(slots)) return std::nullopt;
    Frame frame{room_};
    const std::uint16_t flags = slots.data[0].flags;
    if ((flags & NETTXF_csum_blank) != 0)
        frame.checksum = Checksum::blank;
    else if ((flags & NETTXF_data_validated) != 0)
        frame.checksum = Checksum::validated;
    if (slots.gso && !set_gso(slots, frame)) return std::nullopt;
    // Receivers may rely on finding what is to be completed.
    if (frame.checksum == Checksum::blank && !find_headers(frame.bytes)) return std::nullopt;
    return frame;
}

bool TxRing::set_gso(const Slots& slots, Frame& frame) {
    const auto& gso = slots.gso->u.gso;
    if (gso.type != XEN_NETIF_GSO_TYPE_TCPV4 && gso.type != XEN_NETIF_GSO_TYPE_TCPV6)
        return breaks("a packet to be segmented in an unknown way");
    if (gso.size == 0) return breaks("a packet to be segmented into nothing");
    const auto headers = find_headers(frame.bytes);
    const bool is_ipv6 = gso.type == XEN_NETIF_GSO_TYPE_TCPV6;
    if (!headers || headers->protocol != protocol_tcp || headers->is_ipv6 != is_ipv6) return false;
    frame.gso = is_ipv6 ? Gso::tcpv6 : Gso::tcpv4;
    frame.segment_size = gso.size;
    if (frame.checksum != Checksum::blank) {
        // Whoever segments starts from a blank checksum.
        write16(room_, headers->checksum(),
                pseudo_header_sum(frame.bytes, *headers, headers->end - headers->transport));
        frame.checksum = Checksum::blank;
    }
    return true;
}

void TxRing::answer(const Slots& slots, std::int16_t status) {
    for (std::size_t i = 0; i < slots.data_count; ++i) {
        ring_.respond(abi::TxResponse{slots.data[i].id, status});
        if (i != 0) continue;
        for (std::size_t extra = 0; extra < slots.extra_count; ++extra)
            ring_.respond(abi::TxResponse{0, NETIF_RSP_NULL});
    }
}

}  // namespace ring3::net
