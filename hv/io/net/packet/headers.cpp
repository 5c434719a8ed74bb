// SPDX-License-Identifier: MIT
#include "hv/io/net/packet/headers.hpp"

namespace ring3::net {
namespace {

constexpr std::uint16_t type_ipv4 = 0x0800, type_ipv6 = 0x86dd, type_vlan = 0x8100;
constexpr std::size_t ipv4_header = 20, ipv6_header = 40, tcp_header = 20, udp_header = 8;

std::uint8_t read8(Bytes bytes, std::size_t offset) {
    return std::to_integer<std::uint8_t>(bytes[offset]);
}

bool find_ipv4(Bytes frame, Headers& headers) {
    const std::size_t at = headers.network;
    if (frame.size() < at + ipv4_header || read8(frame, at) >> 4 != 4) return false;
    const std::size_t length = (read8(frame, at) & 15u) * 4;
    const std::size_t total = read16(frame, at + 2);
    if (length < ipv4_header || total < length || frame.size() < at + total) return false;
    constexpr std::uint16_t more_fragments_or_offset = 0x3fff;
    if ((read16(frame, at + 6) & more_fragments_or_offset) != 0) return false;
    headers.protocol = read8(frame, at + 9);
    headers.transport = at + length;
    headers.end = at + total;
    return true;
}

/// Passes over hop-by-hop (0), routing (43) and destination (60) options, as TCP may follow them.
bool find_ipv6(Bytes frame, Headers& headers) {
    const std::size_t at = headers.network;
    if (frame.size() < at + ipv6_header || read8(frame, at) >> 4 != 6) return false;
    headers.is_ipv6 = true;
    headers.end = at + ipv6_header + read16(frame, at + 4);
    if (frame.size() < headers.end) return false;
    std::uint8_t next = read8(frame, at + 6);
    std::size_t offset = at + ipv6_header;
    while (next == 0 || next == 43 || next == 60) {
        if (headers.end < offset + 8) return false;
        next = read8(frame, offset);
        offset += (read8(frame, offset + 1) + std::size_t{1}) * 8;
    }
    headers.protocol = next;
    headers.transport = offset;
    return true;
}

bool find_payload(Bytes frame, Headers& headers) {
    if (headers.protocol == protocol_udp) {
        headers.payload = headers.transport + udp_header;
        return headers.payload <= headers.end;
    }
    if (headers.protocol != protocol_tcp || headers.end < headers.transport + tcp_header)
        return false;
    const std::size_t length = (read8(frame, headers.transport + 12) >> 4) * std::size_t{4};
    headers.payload = headers.transport + length;
    return length >= tcp_header && headers.payload <= headers.end;
}

}  // namespace

std::uint16_t read16(Bytes bytes, std::size_t offset) {
    return static_cast<std::uint16_t>(read8(bytes, offset) << 8 | read8(bytes, offset + 1));
}

std::uint32_t read32(Bytes bytes, std::size_t offset) {
    return std::uint32_t{read16(bytes, offset)} << 16 | read16(bytes, offset + 2);
}

void write16(std::span<std::byte> bytes, std::size_t offset, std::uint16_t value) {
    bytes[offset] = static_cast<std::byte>(value >> 8);
    bytes[offset + 1] = static_cast<std::byte>(value & 0xff);
}

void write32(std::span<std::byte> bytes, std::size_t offset, std::uint32_t value) {
    write16(bytes, offset, static_cast<std::uint16_t>(value >> 16));
    write16(bytes, offset + 2, static_cast<std::uint16_t>(value & 0xffff));
}

std::optional<Headers> find_headers(Bytes frame) {
    Headers headers;
    headers.network = ethernet_header;
    if (frame.size() < headers.network) return std::nullopt;
    std::uint16_t type = read16(frame, headers.network - 2);
    if (type == type_vlan) {
        headers.network += 4;
        if (frame.size() < headers.network) return std::nullopt;
        type = read16(frame, headers.network - 2);
    }
    const bool is_ip = type == type_ipv4   ? find_ipv4(frame, headers)
                       : type == type_ipv6 ? find_ipv6(frame, headers)
                                           : false;
    if (!is_ip || !find_payload(frame, headers)) return std::nullopt;
    return headers;
}

std::uint32_t flow_hash(Bytes frame) {
    const auto headers = find_headers(frame);
    if (!headers) return 0;
    std::uint32_t hash = 0x811c9dc5;  // FNV-1a, 32 bits
    const auto add = [&](Bytes bytes) {
        for (const std::byte byte : bytes)
            hash = (hash ^ std::to_integer<std::uint32_t>(byte)) * 0x01000193;
    };
    add(frame.subspan(headers->source_address(), 2 * headers->address_bytes()));
    add(frame.subspan(headers->transport, 4));
    return hash ^ hash >> 16;
}

}  // namespace ring3::net
