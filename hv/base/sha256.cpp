// SPDX-License-Identifier: MIT
// SHA-256 by OpenSSL, which uses the processor's own SHA instructions where there are any.
#include "hv/base/sha256.hpp"

#include <openssl/evp.h>

#include "hv/base/check.hpp"

namespace ring3 {

void Sha256::Free::operator()(evp_md_ctx_st* context) const { EVP_MD_CTX_free(context); }

Sha256::Sha256() : context_{EVP_MD_CTX_new()} {
    HV_CHECK(context_ && EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr) == 1,
             "OpenSSL offers no SHA-256");
}

Sha256& Sha256::update(std::span<const std::byte> bytes) {
    HV_CHECK(EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()) == 1, "SHA-256 failed");
    return *this;
}

Sha256::Digest Sha256::finish() {
    Digest digest{};
    HV_CHECK(EVP_DigestFinal_ex(context_.get(), digest.data(), nullptr) == 1, "SHA-256 failed");
    return digest;
}

std::string Sha256::finish_hex() {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string hex;
    for (const std::uint8_t byte : finish()) {
        hex += digits[byte >> 4];
        hex += digits[byte & 15];
    }
    return hex;
}

std::string sha256_hex(std::string_view text) { return Sha256{}.update(text).finish_hex(); }

}  // namespace ring3
