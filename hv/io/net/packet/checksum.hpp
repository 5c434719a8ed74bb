// SPDX-License-Identifier: MIT
// The Internet checksum (RFC 1071), for frames whose sender left it to others.
#pragma once

#include <cstdint>

#include "hv/io/net/packet/headers.hpp"

namespace ring3::net {

/// The one's complement sum of the bytes as big-endian 16-bit words, the last one padded with zero,
/// on top of `sum`; not complemented yet.
std::uint16_t add_to_sum(std::uint16_t sum, Bytes bytes);

/// The sum of the pseudo header for a segment (its header included) of so many bytes.
std::uint16_t pseudo_header_sum(Bytes frame, const Headers& headers, std::size_t segment_bytes);

/// Puts the TCP or UDP checksum in, whatever stood there.
void put_checksum(std::span<std::byte> frame, const Headers& headers);
/// Puts the checksum of an IPv4 header in.
void put_ipv4_header_checksum(std::span<std::byte> frame, const Headers& headers);

}  // namespace ring3::net
