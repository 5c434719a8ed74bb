// SPDX-License-Identifier: MIT
// Linux's bzImage: finds the packed kernel inside (Documentation/x86/boot.rst, protocol 2.08: the
// first that says where the payload is).
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ring3 {

/// Whether the file starts as an x86 boot sector with Linux's setup header.
bool is_bzimage(std::span<const std::byte> file);

/// The release that a Linux bzImage says of itself ("6.1.0-56-cloud-amd64"); empty where there is
/// none. For finding what belongs to it, never trusted.
std::string linux_release(std::span<const std::byte> file);

/// The unpacked payload: an ELF file, and perhaps relocations behind it. Throws ConfigError.
std::vector<std::byte> unpack_bzimage(std::span<const std::byte> file, std::size_t limit,
                                      std::string_view what);

}  // namespace ring3
