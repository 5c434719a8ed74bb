// SPDX-License-Identifier: MIT
#include "hv/io/net/packet/checksum.hpp"

#include <bit>
#include <cstring>

namespace ring3::net {
namespace {

constexpr std::uint16_t swap16(std::uint16_t value) {
    return static_cast<std::uint16_t>(value << 8 | value >> 8);
}

std::uint16_t fold(std::uint64_t sum) {
    while (sum >> 16 != 0) sum = (sum >> 16) + (sum & 0xffff);
    return static_cast<std::uint16_t>(sum);
}

}  // namespace

std::uint16_t add_to_sum(std::uint16_t sum, Bytes bytes) {
    // The sum does not depend on the byte order (RFC 1071, section 2, B): words of the host are
    // added, 32 bits at a time, and the result is swapped. Frames are short: 2^16 / 4 additions of
    // less than 2^32 fit into 64 bits.
    static_assert(std::endian::native == std::endian::little);
    std::uint64_t total = swap16(sum);
    std::size_t at = 0;
    for (; at + 4 <= bytes.size(); at += 4) {
        std::uint32_t word;
        std::memcpy(&word, bytes.data() + at, sizeof word);
        total += word;
    }
    std::uint32_t rest = 0;
    std::memcpy(&rest, bytes.data() + at, bytes.size() - at);
    return swap16(fold(total + rest));
}

std::uint16_t pseudo_header_sum(Bytes frame, const Headers& headers, std::size_t segment_bytes) {
    const std::uint16_t addresses =
        add_to_sum(0, frame.subspan(headers.source_address(), 2 * headers.address_bytes()));
    return fold(std::uint64_t{addresses} + headers.protocol + segment_bytes);
}

void put_checksum(std::span<std::byte> frame, const Headers& headers) {
    write16(frame, headers.checksum(), 0);
    const Bytes segment = frame.subspan(headers.transport, headers.end - headers.transport);
    const std::uint16_t sum =
        add_to_sum(pseudo_header_sum(frame, headers, segment.size()), segment);
    std::uint16_t checksum = static_cast<std::uint16_t>(~sum);
    // Zero in UDP means that there is none (RFC 768).
    if (checksum == 0 && headers.protocol == protocol_udp) checksum = 0xffff;
    write16(frame, headers.checksum(), checksum);
}

void put_ipv4_header_checksum(std::span<std::byte> frame, const Headers& headers) {
    constexpr std::size_t checksum = 10;
    write16(frame, headers.network + checksum, 0);
    const std::size_t length =
        (std::to_integer<std::size_t>(frame[headers.network]) & 15) * std::size_t{4};
    const std::uint16_t sum = add_to_sum(0, frame.subspan(headers.network, length));
    write16(frame, headers.network + checksum, static_cast<std::uint16_t>(~sum));
}

}  // namespace ring3::net
