// SPDX-License-Identifier: MIT
// A port of the host that leads to a port of a guest, written as in QEMU:
// PROTOCOL:[HOST ADDRESS:]PORT-[GUEST ADDRESS]:PORT.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace ring3::net {

/// An IPv4 address, most significant byte first: 10.0.2.15 is 0x0a00020f.
struct Ipv4 {
    std::uint32_t bits = 0;
    friend auto operator<=>(const Ipv4&, const Ipv4&) = default;
};
std::optional<Ipv4> parse_ipv4(std::string_view text);
std::string to_string(Ipv4 address);

struct HostForward {
    enum class Protocol : std::uint8_t { tcp, udp };
    Protocol protocol = Protocol::tcp;
    /// Where the host listens. For others than this host's own programs: 0.0.0.0.
    Ipv4 host_address{0x7f000001};
    std::uint16_t host_port = 0;
    /// Nothing: that of the guest whose interface this belongs to.
    std::optional<Ipv4> guest_address;
    std::uint16_t guest_port = 0;

    bool operator==(const HostForward&) const = default;
};

/// "tcp:8080-:80", "tcp:127.0.0.1:2222-10.0.2.15:22", "udp::5353-:53".
std::optional<HostForward> parse_host_forward(std::string_view text);
std::string to_string(const HostForward& forward);

}  // namespace ring3::net
