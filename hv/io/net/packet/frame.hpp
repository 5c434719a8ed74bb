// SPDX-License-Identifier: MIT
// One Ethernet frame on its way through the back ends, with what its sender left to others to do:
// the checksum, and the division into segments. Bytes belong to whoever hands the frame on, and
// last as long as the call.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <span>

namespace ring3::net {

using Bytes = std::span<const std::byte>;

/// What is known of the TCP or UDP checksum.
enum class Checksum : std::uint8_t {
    unknown,    ///< it stands in the packet, for the receiver to check
    validated,  ///< it stands in the packet and need not be checked, or there is no doubt of it
    blank,      ///< its field holds the pseudo header's sum only: data that never was on a wire
};

/// How a packet that is larger than a frame of the wire is to be segmented.
enum class Gso : std::uint8_t { none, tcpv4, tcpv6 };

struct Frame {
    Bytes bytes;
    Checksum checksum = Checksum::unknown;
    Gso gso = Gso::none;
    /// The payload of each segment; not zero where `gso` is not none.
    std::uint16_t segment_size = 0;
};

constexpr std::size_t ethernet_header = 14;
constexpr std::size_t most_frame_bytes = 0xffff;

}  // namespace ring3::net
