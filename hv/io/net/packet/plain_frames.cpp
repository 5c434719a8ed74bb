// SPDX-License-Identifier: MIT
#include "hv/io/net/packet/plain_frames.hpp"

#include <algorithm>
#include <cstring>

#include "hv/io/net/packet/checksum.hpp"

namespace ring3::net {
namespace {

// Offsets and bits of RFC 791, RFC 8200 and RFC 9293.
constexpr std::size_t ipv4_total_length = 2, ipv4_identification = 4, ipv6_payload_length = 4;
constexpr std::size_t ipv6_header = 40, tcp_sequence = 4, tcp_flags = 13;
/// Smaller segments are no TCP's, but many times the work (Linux: TCP_MIN_SND_MSS).
constexpr std::uint16_t least_segment = 48;
constexpr std::uint8_t tcp_fin = 0x01, tcp_push = 0x08, tcp_cwr = 0x80;

}  // namespace

bool PlainFrames::complete(const Frame& frame) {
    const auto headers = find_headers(frame.bytes);
    if (!headers) return false;
    room_.resize(std::max(room_.size(), frame.bytes.size()));
    std::ranges::copy(frame.bytes, room_.begin());
    made_ = frame.bytes.size();
    put_checksum({room_.data(), made_}, *headers);
    return true;
}

bool PlainFrames::begin_segments(const Frame& frame) {
    const auto headers = find_headers(frame.bytes);
    if (!headers || headers->protocol != protocol_tcp ||
        headers->is_ipv6 != (frame.gso == Gso::tcpv6) || frame.segment_size < least_segment)
        return false;
    headers_ = *headers;
    next_ = headers_.payload;
    segments_ = 0;
    room_.resize(std::max(room_.size(), frame.bytes.size()));
    return true;
}

bool PlainFrames::next_segment(const Frame& frame) {
    // A packet without payload is one segment all the same.
    if (segments_ != 0 && next_ == headers_.end) return false;
    const std::size_t size = std::min<std::size_t>(frame.segment_size, headers_.end - next_);
    std::memcpy(room_.data(), frame.bytes.data(), headers_.payload);
    std::memcpy(room_.data() + headers_.payload, frame.bytes.data() + next_, size);
    made_ = headers_.payload + size;

    const std::span<std::byte> made{room_.data(), made_};
    const bool is_first = segments_ == 0, is_last = next_ + size == headers_.end;
    const std::size_t sequence = headers_.transport + tcp_sequence;
    // Sequence numbers and IP identifications count modulo their size.
    write32(made, sequence,
            static_cast<std::uint32_t>(read32(made, sequence) + (next_ - headers_.payload)));
    std::byte& flags = made[headers_.transport + tcp_flags];
    if (!is_last) flags &= ~std::byte{tcp_fin | tcp_push};
    // The window was reduced once (RFC 3168, section 6.1.2).
    if (!is_first) flags &= ~std::byte{tcp_cwr};

    Headers headers = headers_;
    headers.end = made_;
    if (headers.is_ipv6) {
        write16(made, headers.network + ipv6_payload_length,
                static_cast<std::uint16_t>(made_ - headers.network - ipv6_header));
    } else {
        write16(made, headers.network + ipv4_total_length,
                static_cast<std::uint16_t>(made_ - headers.network));
        const std::size_t identification = headers.network + ipv4_identification;
        write16(made, identification,
                static_cast<std::uint16_t>(read16(made, identification) + segments_));
        put_ipv4_header_checksum(made, headers);
    }
    put_checksum(made, headers);
    next_ += size;
    ++segments_;
    return true;
}

}  // namespace ring3::net
