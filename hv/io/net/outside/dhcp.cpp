// SPDX-License-Identifier: MIT
#include "hv/io/net/outside/dhcp.hpp"

#include <algorithm>

#include "hv/base/check.hpp"
#include "hv/io/net/packet/checksum.hpp"
#include "hv/io/net/packet/headers.hpp"

namespace ring3::net {
namespace {

// RFC 2131, figure 1, and RFC 2132.
constexpr std::size_t flags = 10, client_address = 12, your_address = 16, server_address = 20,
                      hardware_address = 28, magic = 236, options = 240;
constexpr std::uint32_t magic_cookie = 0x63825363;
constexpr std::uint8_t option_pad = 0, option_netmask = 1, option_router = 3, option_dns = 6,
                       option_requested = 50, option_lease_time = 51, option_type = 53,
                       option_server = 54, option_end = 255;
constexpr std::uint8_t discover = 1, offer = 2, request = 3, ack = 5, nak = 6, inform = 8;
constexpr std::uint16_t server_port = 67, client_port = 68;
constexpr std::uint32_t lease_seconds = 86'400;

struct Request {
    std::uint8_t type = 0;
    std::optional<Ipv4> wanted;
    std::optional<Ipv4> server;
};

Request read_options(Bytes message) {
    Request found;
    std::size_t at = options;
    while (at < message.size()) {
        const auto code = std::to_integer<std::uint8_t>(message[at++]);
        if (code == option_pad) continue;
        if (code == option_end || at == message.size()) break;
        const auto length = std::to_integer<std::size_t>(message[at++]);
        if (message.size() - at < length) break;
        if (code == option_type && length == 1)
            found.type = std::to_integer<std::uint8_t>(message[at]);
        if (code == option_requested && length == 4) found.wanted = Ipv4{read32(message, at)};
        if (code == option_server && length == 4) found.server = Ipv4{read32(message, at)};
        at += length;
    }
    return found;
}

void append_option(std::vector<std::byte>& message, std::uint8_t code, std::uint32_t value) {
    message.push_back(std::byte{code});
    message.push_back(std::byte{4});
    message.resize(message.size() + 4);
    write32(message, message.size() - 4, value);
}

/// Puts Ethernet, IP and UDP headers before a message from the server.
void wrap(std::vector<std::byte>& message, const Mac& to, const Mac& from, Ipv4 server) {
    constexpr std::size_t ip = ethernet_header, udp = ip + 20, data = udp + 8;
    std::vector<std::byte> frame(data);
    std::ranges::copy(std::as_bytes(std::span{to.octets}), frame.begin());
    std::ranges::copy(std::as_bytes(std::span{from.octets}), frame.begin() + 6);
    frame.insert(frame.end(), message.begin(), message.end());
    write16(frame, 12, 0x0800);
    frame[ip] = std::byte{0x45};
    write16(frame, ip + 2, static_cast<std::uint16_t>(frame.size() - ip));
    frame[ip + 8] = std::byte{64};
    frame[ip + 9] = std::byte{protocol_udp};
    write32(frame, ip + 12, server.bits);
    write32(frame, ip + 16, ~std::uint32_t{0});
    write16(frame, udp, server_port);
    write16(frame, udp + 2, client_port);
    write16(frame, udp + 4, static_cast<std::uint16_t>(frame.size() - udp));
    const auto headers = find_headers(frame);
    HV_CHECK(headers, "the DHCP server makes what is no UDP");
    put_ipv4_header_checksum(frame, *headers);
    put_checksum(frame, *headers);
    message.swap(frame);
}

}  // namespace

std::optional<Ipv4> Dhcp::free_address() {
    for (Ipv4 address = network_.first; address <= network_.last; ++address.bits) {
        const auto has_it = [&](const auto& known) { return known.second.address == address; };
        if (std::ranges::find_if(leases_, has_it) == leases_.end()) return address;
    }
    // The address of an interface that is no more.
    const auto unused =
        std::ranges::find_if(leases_, [](const auto& known) { return known.second.users == 0; });
    if (unused == leases_.end()) return std::nullopt;
    const Ipv4 address = unused->second.address;
    leases_.erase(unused);
    return address;
}

std::optional<Ipv4> Dhcp::lease(const Mac& mac) {
    auto known = leases_.find(mac);
    if (known == leases_.end()) {
        const auto address = free_address();
        if (!address) return std::nullopt;
        known = leases_.emplace(mac, Lease{*address}).first;
    }
    ++known->second.users;
    return known->second.address;
}

void Dhcp::release(const Mac& mac) {
    const auto known = leases_.find(mac);
    HV_CHECK(known != leases_.end() && known->second.users > 0, "no such lease");
    --known->second.users;
}

bool Dhcp::answer(Bytes frame, std::vector<std::byte>& reply) const {
    reply.clear();
    const auto headers = find_headers(frame);
    if (!headers || headers->is_ipv6 || headers->protocol != protocol_udp ||
        read16(frame, headers->transport + 2) != server_port)
        return false;
    const Bytes asked = frame.subspan(headers->payload, headers->end - headers->payload);
    if (asked.size() < options || read32(asked, magic) != magic_cookie || asked[0] != std::byte{1})
        return true;
    const Mac client = Mac::at(asked.subspan(hardware_address));
    const auto known = leases_.find(client);
    const Request wanted = read_options(asked);
    if (known == leases_.end() || (wanted.server && *wanted.server != network_.gateway))
        return true;
    const Ipv4 address = known->second.address;
    const Ipv4 had{read32(asked, client_address)};
    std::uint8_t type = ack;
    if (wanted.type == discover)
        type = offer;
    else if (wanted.type == request && wanted.wanted.value_or(had) != address)
        type = nak;
    else if (wanted.type != request && wanted.type != inform)
        return true;

    reply.assign(options, std::byte{0});
    std::ranges::copy(asked.first(hardware_address + 16), reply.begin());
    reply[0] = std::byte{2};
    reply[3] = std::byte{0};
    std::fill(reply.begin() + flags - 2, reply.begin() + flags, std::byte{0});
    write32(reply, your_address, type == nak || wanted.type == inform ? 0 : address.bits);
    write32(reply, server_address, network_.gateway.bits);
    write32(reply, server_address + 4, 0);  // no relay
    write32(reply, magic, magic_cookie);
    reply.insert(reply.end(), {std::byte{option_type}, std::byte{1}, std::byte{type}});
    append_option(reply, option_server, network_.gateway.bits);
    if (type != nak) {
        append_option(reply, option_netmask, network_.netmask.bits);
        append_option(reply, option_router, network_.gateway.bits);
        append_option(reply, option_dns, network_.name_server.bits);
        if (wanted.type != inform) append_option(reply, option_lease_time, lease_seconds);
    }
    reply.push_back(std::byte{option_end});
    wrap(reply, client, network_.server_mac, network_.gateway);
    return true;
}

}  // namespace ring3::net
