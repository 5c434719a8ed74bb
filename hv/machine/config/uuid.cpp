// SPDX-License-Identifier: MIT
#include "hv/machine/config/uuid.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace ring3 {
namespace {

int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

}  // namespace

std::optional<Uuid> parse_uuid(std::string_view text) {
    constexpr std::string_view form = "hhhhhhhh-hhhh-hhhh-hhhh-hhhhhhhhhhhh";
    if (text.size() != form.size()) return std::nullopt;
    Uuid uuid{};
    std::size_t digits = 0;
    for (std::size_t at = 0; at < text.size(); ++at) {
        const int digit = hex_digit(text[at]);
        if (form[at] == '-' ? text[at] != '-' : digit < 0) return std::nullopt;
        if (form[at] == '-') continue;
        uuid[digits / 2] = static_cast<std::uint8_t>(uuid[digits / 2] * 16 + digit);
        ++digits;
    }
    return uuid;
}

std::string to_string(const Uuid& uuid) {
    std::string text;
    for (std::size_t i = 0; i < uuid.size(); ++i) {
        if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
        text += fmt::format("{:02x}", uuid[i]);
    }
    return text;
}

Uuid uuid_of_digest(const Sha256::Digest& digest) {
    Uuid uuid{};
    std::copy_n(digest.begin(), uuid.size(), uuid.begin());
    uuid[6] = static_cast<std::uint8_t>((uuid[6] & 0x0f) | 0x80);  // version 8
    uuid[8] = static_cast<std::uint8_t>((uuid[8] & 0x3f) | 0x80);  // variant 10
    return uuid;
}

}  // namespace ring3
