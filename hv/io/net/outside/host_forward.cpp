// SPDX-License-Identifier: MIT
#include "hv/io/net/outside/host_forward.hpp"

#include <charconv>

#include <fmt/format.h>

namespace ring3::net {
namespace {

template <class Number>
bool parse_number(std::string_view text, Number& number) {
    const char* const end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, number);
    return error == std::errc{} && stop == end;
}

bool parse_port(std::string_view text, std::uint16_t& port) {
    return parse_number(text, port) && port != 0;
}

}  // namespace

std::optional<Ipv4> parse_ipv4(std::string_view text) {
    Ipv4 address;
    for (int i = 0; i < 4; ++i) {
        const std::size_t end = i < 3 ? text.find('.') : text.size();
        std::uint8_t octet;
        if (end == text.npos || !parse_number(text.substr(0, end), octet)) return std::nullopt;
        address.bits = address.bits << 8 | octet;
        text.remove_prefix(i < 3 ? end + 1 : end);
    }
    return address;
}

std::string to_string(Ipv4 address) {
    return fmt::format("{}.{}.{}.{}", address.bits >> 24, address.bits >> 16 & 255,
                       address.bits >> 8 & 255, address.bits & 255);
}

std::optional<HostForward> parse_host_forward(std::string_view text) {
    HostForward forward;
    const std::size_t colon = text.find(':');
    const std::string_view protocol = text.substr(0, colon);
    if (colon == text.npos || (protocol != "tcp" && protocol != "udp")) return std::nullopt;
    if (protocol == "udp") forward.protocol = HostForward::Protocol::udp;
    text.remove_prefix(colon + 1);

    const std::size_t dash = text.find('-');
    if (dash == text.npos) return std::nullopt;
    std::string_view host = text.substr(0, dash), guest = text.substr(dash + 1);
    if (const std::size_t end = host.rfind(':'); end != host.npos) {
        if (end != 0) {
            const auto address = parse_ipv4(host.substr(0, end));
            if (!address) return std::nullopt;
            forward.host_address = *address;
        }
        host.remove_prefix(end + 1);
    }
    const std::size_t end = guest.rfind(':');
    if (end == guest.npos) return std::nullopt;
    if (end != 0) {
        forward.guest_address = parse_ipv4(guest.substr(0, end));
        if (!forward.guest_address) return std::nullopt;
    }
    guest.remove_prefix(end + 1);
    if (!parse_port(host, forward.host_port) || !parse_port(guest, forward.guest_port))
        return std::nullopt;
    return forward;
}

std::string to_string(const HostForward& forward) {
    return fmt::format(
        "{}:{}:{}-{}:{}", forward.protocol == HostForward::Protocol::tcp ? "tcp" : "udp",
        to_string(forward.host_address), forward.host_port,
        forward.guest_address ? to_string(*forward.guest_address) : "", forward.guest_port);
}

}  // namespace ring3::net
