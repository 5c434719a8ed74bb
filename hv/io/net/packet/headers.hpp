// SPDX-License-Identifier: MIT
// Where the headers of a frame begin. Frames come from guests: nothing in them is believed before
// it was checked against the frame's length.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "hv/io/net/packet/frame.hpp"

namespace ring3::net {

constexpr std::uint8_t protocol_tcp = 6, protocol_udp = 17;

/// Fields of packets are big-endian. The range must lie inside.
std::uint16_t read16(Bytes bytes, std::size_t offset);
std::uint32_t read32(Bytes bytes, std::size_t offset);
void write16(std::span<std::byte> bytes, std::size_t offset, std::uint16_t value);
void write32(std::span<std::byte> bytes, std::size_t offset, std::uint32_t value);

/// The TCP or UDP segment in a frame of IPv4 or IPv6. It begins with a whole header.
struct Headers {
    bool is_ipv6 = false;
    std::uint8_t protocol = 0;  ///< protocol_tcp or protocol_udp
    std::size_t network = 0;    ///< where the IP header begins
    std::size_t transport = 0;  ///< where the TCP or UDP header begins
    std::size_t payload = 0;    ///< where its data begin
    std::size_t end = 0;        ///< of the data, by the IP header; the frame may have padding
    /// Where the checksum of TCP or UDP stands.
    std::size_t checksum() const { return transport + (protocol == protocol_tcp ? 16 : 6); }
    std::size_t source_address() const { return network + (is_ipv6 ? 8 : 12); }
    std::size_t address_bytes() const { return is_ipv6 ? 16 : 4; }
};

/// Nothing: another protocol, a fragment, or a header that lies about a length.
std::optional<Headers> find_headers(Bytes frame);

/// The same number for all frames of one flow, both addresses and ports considered.
std::uint32_t flow_hash(Bytes frame);

}  // namespace ring3::net
