// SPDX-License-Identifier: MIT
// SHA-256, fed piece by piece. Names images, final machine states and default UUIDs.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

struct evp_md_ctx_st;

namespace ring3 {

class Sha256 final {
public:
    using Digest = std::array<std::uint8_t, 32>;

    Sha256();

    Sha256& update(std::span<const std::byte> bytes);
    Sha256& update(std::string_view text) { return update(std::as_bytes(std::span{text})); }

    /// The digest of all that was fed. The object must not be used afterwards.
    Digest finish();
    std::string finish_hex();

private:
    struct Free {
        void operator()(evp_md_ctx_st* context) const;
    };
    std::unique_ptr<evp_md_ctx_st, Free> context_;
};

/// The digest of one text, as 64 hexadecimal digits.
std::string sha256_hex(std::string_view text);

}  // namespace ring3
