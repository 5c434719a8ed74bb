// SPDX-License-Identifier: MIT
#include "hv/domain/builder/bzimage.hpp"

#include <cstdint>
#include <cstring>

#include <fmt/format.h>

#include "hv/base/errors.hpp"
#include "hv/domain/builder/decompress.hpp"

namespace ring3 {
namespace {

using Bytes = std::span<const std::byte>;

// Offsets of the setup header (boot.rst, "The Real-Mode Kernel Header").
constexpr std::size_t setup_sects_at = 0x1f1, boot_flag_at = 0x1fe, header_at = 0x202,
                      version_at = 0x206, kernel_version_at = 0x20e, payload_offset_at = 0x248,
                      payload_length_at = 0x24c, header_end = 0x250;
constexpr std::uint16_t boot_flag = 0xaa55;
constexpr std::uint32_t header_magic = 0x53726448;  // "HdrS"

/// The caller has checked that the field lies inside the file.
template <class T>
T field(Bytes file, std::size_t offset) {
    T value{};
    std::memcpy(&value, file.data() + offset, sizeof value);
    return value;
}

/// What the build of every packer but gzip appends to the payload: its unpacked size.
constexpr std::size_t size_trailer = sizeof(std::uint32_t);

}  // namespace

bool is_bzimage(Bytes file) {
    return file.size() >= version_at + sizeof(std::uint16_t) &&
           field<std::uint16_t>(file, boot_flag_at) == boot_flag &&
           field<std::uint32_t>(file, header_at) == header_magic;
}

std::string linux_release(Bytes file) {
    if (!is_bzimage(file) || file.size() < header_end) return {};
    // A pointer to text, less 0x200: the release, a space, who built it and when.
    constexpr std::size_t longest = 64;
    const auto pointer = field<std::uint16_t>(file, kernel_version_at);
    std::string release;
    for (std::size_t at = std::size_t{pointer} + 0x200;
         pointer != 0 && at < file.size() && release.size() < longest; ++at) {
        const auto letter = std::to_integer<char>(file[at]);
        if (letter <= ' ' || letter > '~') return release;
        release += letter;
    }
    return {};
}

std::vector<std::byte> unpack_bzimage(Bytes file, std::size_t limit, std::string_view what) {
    const auto truncated = [&] {
        return ConfigError(fmt::format(
            "{}: this bzImage is truncated at {} bytes: the file is incomplete; copy it again",
            what, file.size()));
    };
    const auto version = field<std::uint16_t>(file, version_at);
    if (version < 0x208) {
        throw ConfigError(fmt::format(
            "{}: this bzImage speaks boot protocol {}.{:02}, and does not tell where its "
            "kernel is; 2.08 (Linux 2.6.24) or later is needed",
            what, version >> 8, version & 0xff));
    }
    if (file.size() < header_end) throw truncated();

    // 0 means 4 for compatibility; the boot sector itself comes on top.
    const auto setup_sects = field<std::uint8_t>(file, setup_sects_at);
    const std::uint64_t code_at = (std::uint64_t{setup_sects == 0 ? 4u : setup_sects} + 1) * 512;
    const std::uint64_t begin = code_at + field<std::uint32_t>(file, payload_offset_at);
    const std::uint64_t length = field<std::uint32_t>(file, payload_length_at);
    // No overflow: the sum of a few 32-bit numbers.
    if (begin + length > file.size()) throw truncated();

    Bytes payload = file.subspan(begin, length);
    const Compression compression = compression_of(payload);
    if (compression == Compression::none) {
        // CONFIG_KERNEL_UNCOMPRESSED stores the ELF file as it is.
        if (payload.size() > limit) {
            throw ConfigError(
                fmt::format("{}: the kernel inside has {} MiB, more than the guest's "
                            "memory; give the domain more memory",
                            what, payload.size() >> 20));
        }
        return {payload.begin(), payload.end()};
    }
    if (compression != Compression::gzip && payload.size() > size_trailer) {
        payload = payload.first(payload.size() - size_trailer);
    }
    return decompress(compression, payload, limit, what);
}

}  // namespace ring3
