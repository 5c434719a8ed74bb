// SPDX-License-Identifier: MIT
// An Ethernet address.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace ring3::net {

struct Mac {
    std::array<std::uint8_t, 6> octets{};

    /// The six bytes at the start.
    static Mac at(std::span<const std::byte> bytes) {
        Mac mac;
        std::memcpy(mac.octets.data(), bytes.first(6).data(), 6);
        return mac;
    }
    /// Broadcast is one of these.
    bool is_multicast() const { return (octets[0] & 1) != 0; }
    /// 01:80:c2:00:00:0x: for the next bridge only, which forwards none (IEEE 802.1D, 7.12.6).
    bool is_link_local() const {
        return octets[0] == 0x01 && octets[1] == 0x80 && octets[2] == 0xc2 && octets[3] == 0 &&
               octets[4] == 0 && octets[5] < 0x10;
    }

    friend auto operator<=>(const Mac&, const Mac&) = default;
};

/// Takes "00:16:3e:01:02:03" and nothing else.
std::optional<Mac> parse_mac(std::string_view text);
std::string to_string(const Mac& mac);

}  // namespace ring3::net
