// SPDX-License-Identifier: MIT
// Frames for tests, made and checked by code of their own, as plain as can be.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <vector>

#include "hv/io/net/packet/frame.hpp"
#include "hv/io/net/packet/mac.hpp"

namespace ring3::net {

using Packet = std::vector<std::uint8_t>;

inline Bytes bytes_of(const Packet& packet) { return std::as_bytes(std::span{packet}); }
inline Packet packet_of(Bytes bytes) {
    const auto* const begin = reinterpret_cast<const std::uint8_t*>(bytes.data());
    return {begin, begin + bytes.size()};
}

constexpr Mac mac_of(std::uint8_t number) { return {{0x00, 0x16, 0x3e, 0, 0, number}}; }
constexpr Mac broadcast{{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};

inline void append16(Packet& packet, unsigned value) {
    packet.push_back(static_cast<std::uint8_t>(value >> 8));
    packet.push_back(static_cast<std::uint8_t>(value));
}
inline void set16(Packet& packet, std::size_t at, unsigned value) {
    packet[at] = static_cast<std::uint8_t>(value >> 8);
    packet[at + 1] = static_cast<std::uint8_t>(value);
}
inline unsigned get16(const Packet& packet, std::size_t at) {
    return static_cast<unsigned>(packet[at] << 8 | packet[at + 1]);
}
inline std::uint32_t get32(const Packet& packet, std::size_t at) {
    return get16(packet, at) << 16 | get16(packet, at + 2);
}

inline Packet ethernet(const Mac& to, const Mac& from, unsigned type, std::size_t payload = 46) {
    Packet packet;
    packet.insert(packet.end(), to.octets.begin(), to.octets.end());
    packet.insert(packet.end(), from.octets.begin(), from.octets.end());
    append16(packet, type);
    for (std::size_t i = 0; i < payload; ++i) packet.push_back(static_cast<std::uint8_t>(i * 7));
    return packet;
}

/// The sum as RFC 1071 defines it, word by word.
inline unsigned reference_sum(const Packet& bytes) {
    unsigned long sum = 0;
    for (std::size_t i = 0; i < bytes.size(); i += 2)
        sum += bytes[i] * 256u + (i + 1 < bytes.size() ? bytes[i + 1] : 0u);
    while (sum > 0xffff) sum = sum % 0x10000 + sum / 0x10000;
    return static_cast<unsigned>(sum);
}

struct Tcp {
    bool is_ipv6 = false;
    std::size_t payload = 100;
    unsigned flags = 0x18;
    std::uint32_t sequence = 1000;
    unsigned protocol = 6;
    std::size_t tcp_options = 12;

    std::size_t ip_header() const { return is_ipv6 ? 40 : 20; }
    std::size_t transport_header() const { return protocol == 6 ? 20 + tcp_options : 8; }
    std::size_t headers() const { return 14 + ip_header() + transport_header(); }
};

/// The pseudo header of a segment, its own bytes behind.
inline Packet with_pseudo_header(const Packet& frame, const Tcp& tcp) {
    const std::size_t addresses = tcp.is_ipv6 ? 14 + 8 : 14 + 12;
    const std::size_t length = tcp.is_ipv6 ? 32 : 8;
    const std::size_t transport = 14 + tcp.ip_header();
    Packet all(frame.begin() + static_cast<long>(addresses),
               frame.begin() + static_cast<long>(addresses + length));
    append16(all, 0);
    append16(all, static_cast<unsigned>(frame.size() - transport));
    append16(all, 0);
    append16(all, tcp.protocol);
    all.insert(all.end(), frame.begin() + static_cast<long>(transport), frame.end());
    return all;
}

/// A TCP or UDP packet whose checksum is blank, as an offloading sender leaves it.
inline Packet blank_packet(const Tcp& tcp, const Mac& to, const Mac& from) {
    Packet packet = ethernet(to, from, tcp.is_ipv6 ? 0x86dd : 0x0800, 0);
    const std::size_t segment = tcp.transport_header() + tcp.payload;
    if (tcp.is_ipv6) {
        for (const unsigned word : {0x6000u, 0u, static_cast<unsigned>(segment)})
            append16(packet, word);
        packet.push_back(static_cast<std::uint8_t>(tcp.protocol));
        packet.push_back(64);
        for (unsigned i = 0; i < 32; ++i) packet.push_back(static_cast<std::uint8_t>(0xa0 + i));
    } else {
        for (const unsigned word : {0x4500u, static_cast<unsigned>(20 + segment), 0x1234u, 0x4000u})
            append16(packet, word);
        packet.push_back(64);
        packet.push_back(static_cast<std::uint8_t>(tcp.protocol));
        for (const unsigned word : {0u, 0x0a00u, 1u, 0x0a00u, 2u}) append16(packet, word);
        set16(packet, 24, ~reference_sum({packet.begin() + 14, packet.begin() + 34}) & 0xffff);
    }
    append16(packet, 4321);
    append16(packet, 80);
    if (tcp.protocol == 6) {
        append16(packet, tcp.sequence >> 16);
        append16(packet, tcp.sequence & 0xffff);
        for (const unsigned word : {0u, 7u}) append16(packet, word);
        packet.push_back(static_cast<std::uint8_t>((20 + tcp.tcp_options) / 4 << 4));
        packet.push_back(static_cast<std::uint8_t>(tcp.flags));
        for (const unsigned word : {0x2000u, 0u, 0u}) append16(packet, word);
        for (std::size_t i = 0; i < tcp.tcp_options; ++i) packet.push_back(1);
    } else {
        append16(packet, static_cast<unsigned>(segment));
        append16(packet, 0);
    }
    for (std::size_t i = 0; i < tcp.payload; ++i)
        packet.push_back(static_cast<std::uint8_t>(i * 31 + i / 251));
    const std::size_t checksum = 14 + tcp.ip_header() + (tcp.protocol == 6 ? 16 : 6);
    Packet pseudo = with_pseudo_header(packet, tcp);
    pseudo.resize(pseudo.size() - segment);
    set16(packet, checksum, reference_sum(pseudo));
    return packet;
}

/// Whether the checksums of both headers are right.
inline bool has_right_checksums(const Packet& frame, const Tcp& tcp) {
    const bool is_ip_right =
        tcp.is_ipv6 || reference_sum({frame.begin() + 14, frame.begin() + 34}) == 0xffff;
    return is_ip_right && reference_sum(with_pseudo_header(frame, tcp)) == 0xffff;
}

}  // namespace ring3::net
