// SPDX-License-Identifier: MIT
// Unpacks what kernels are packed with: gzip, xz, lzma, bzip2, lz4 (legacy frames) and zstd, each
// through its own library. The input is untrusted, and the output is bounded.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

namespace ring3 {

/// lzo is recognised only to be refused by name: its library is GPL.
enum class Compression { none, gzip, xz, lzma, bzip2, lz4, zstd, lzo };

/// By the magic number at the start; `none` when there is none that we know.
Compression compression_of(std::span<const std::byte> packed);
std::string_view name_of(Compression);

/// Unpacks one stream from the start of `packed`; bytes behind its end are ignored. Throws
/// ConfigError, which names the file as `what`, when the stream is damaged or truncated, or gives
/// more than `limit` bytes.
std::vector<std::byte> decompress(Compression, std::span<const std::byte> packed, std::size_t limit,
                                  std::string_view what);

}  // namespace ring3
