// SPDX-License-Identifier: MIT
// A domain's UUID, as configs and Xen's tools write it.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "hv/base/sha256.hpp"

namespace ring3 {

using Uuid = std::array<std::uint8_t, 16>;

/// Takes "01234567-89ab-cdef-0123-456789abcdef" and nothing else.
std::optional<Uuid> parse_uuid(std::string_view text);

std::string to_string(const Uuid& uuid);

/// A UUID that stands for what was hashed: version 8 of RFC 9562, section 5.8.
Uuid uuid_of_digest(const Sha256::Digest& digest);

}  // namespace ring3
