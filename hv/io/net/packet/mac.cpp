// SPDX-License-Identifier: MIT
#include "hv/io/net/packet/mac.hpp"

#include <charconv>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace ring3::net {

std::optional<Mac> parse_mac(std::string_view text) {
    constexpr std::size_t length = 17;
    if (text.size() != length) return std::nullopt;
    Mac mac;
    for (std::size_t i = 0; i < mac.octets.size(); ++i) {
        const char* const digits = text.data() + 3 * i;
        const auto [end, error] = std::from_chars(digits, digits + 2, mac.octets[i], 16);
        if (error != std::errc{} || end != digits + 2) return std::nullopt;
        if (i + 1 < mac.octets.size() && digits[2] != ':') return std::nullopt;
    }
    return mac;
}

std::string to_string(const Mac& mac) { return fmt::format("{:02x}", fmt::join(mac.octets, ":")); }

}  // namespace ring3::net
