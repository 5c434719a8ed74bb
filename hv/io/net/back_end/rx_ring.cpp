// SPDX-License-Identifier: MIT
#include "hv/io/net/back_end/rx_ring.hpp"

#include <algorithm>

#include "hv/base/check.hpp"

namespace ring3::net {
namespace {

std::uint16_t checksum_flags(Checksum checksum) {
    switch (checksum) {
        case Checksum::blank:
            return NETRXF_csum_blank | NETRXF_data_validated;
        case Checksum::validated:
            return NETRXF_data_validated;
        case Checksum::unknown:
            return 0;
    }
    return 0;
}

}  // namespace

bool RxRing::check() {
    if (!broken_ && !ring_.waiting()) broken_ = "the rx ring has an impossible index";
    return broken_.has_value();
}

void RxRing::put(const Frame& frame, GsoStyle style) {
    HV_CHECK(available() >= slots_for(frame), "a frame without room in the rx ring");
    std::uint16_t flags = checksum_flags(frame.checksum);
    const bool is_gso = frame.gso != Gso::none;
    if (is_gso && style == GsoStyle::prefix) put_prefix(frame);
    if (is_gso && style == GsoStyle::extra_info) flags |= NETRXF_extra_info;
    Bytes rest = frame.bytes;
    do {
        const Bytes part = rest.first(std::min<std::size_t>(rest.size(), page_size));
        rest = rest.subspan(part.size());
        if (!rest.empty()) flags |= NETRXF_more_data;
        put_bytes(part, flags);
        if ((flags & NETRXF_extra_info) != 0) put_gso(frame);
        flags = 0;
    } while (!rest.empty());
}

/// A buffer that is not granted for writing is given back with an error; the front end then drops
/// the packet.
void RxRing::put_bytes(Bytes bytes, std::uint16_t flags) {
    const auto request = ring_.next<abi::RxRequest>();
    ring_.take();
    auto page = GrantedPage::map(guest_, request.gref, GrantedPage::Use::write);
    if (page) page->write(0, bytes);
    const auto status =
        page ? static_cast<std::int16_t>(bytes.size()) : std::int16_t{NETIF_RSP_ERROR};
    ring_.respond(abi::RxResponse{request.id, 0, flags, status});
}

/// Takes the place of the response to one buffer, which stays unused.
void RxRing::put_gso(const Frame& frame) {
    ring_.take();
    abi::NetExtraInfo extra{};
    extra.type = XEN_NETIF_EXTRA_TYPE_GSO;
    extra.u.gso.size = frame.segment_size;
    extra.u.gso.type =
        frame.gso == Gso::tcpv6 ? XEN_NETIF_GSO_TYPE_TCPV6 : XEN_NETIF_GSO_TYPE_TCPV4;
    ring_.respond(extra);
}

void RxRing::put_prefix(const Frame& frame) {
    const auto request = ring_.next<abi::RxRequest>();
    ring_.take();
    ring_.respond(
        abi::RxResponse{request.id, frame.segment_size, NETRXF_gso_prefix | NETRXF_more_data, 0});
}

}  // namespace ring3::net
