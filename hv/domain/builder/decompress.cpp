// SPDX-License-Identifier: MIT
#include "hv/domain/builder/decompress.hpp"

#include <bzlib.h>
#include <lz4.h>
#include <lzma.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <memory>

#include <fmt/format.h>

#include "hv/base/errors.hpp"

namespace ring3 {
namespace {

using Bytes = std::span<const std::byte>;

struct Magic {
    Compression compression;
    std::string_view name;
    std::string_view bytes;
};
using namespace std::string_view_literals;
constexpr std::array magics{
    Magic{Compression::gzip, "gzip", "\x1f\x8b"sv},
    Magic{Compression::xz, "xz",
          "\xfd"
          "7zXZ\0"sv},
    Magic{Compression::lzma, "lzma", "\x5d\0\0"sv},
    Magic{Compression::bzip2, "bzip2", "BZh"sv},
    Magic{Compression::lz4, "lz4", "\x02\x21\x4c\x18"sv},
    Magic{Compression::zstd, "zstd", "\x28\xb5\x2f\xfd"sv},
    Magic{Compression::lzo, "lzo", "\x89LZO"sv},
};

/// The unpacked bytes so far. Grows by doubling, so that the cost follows what really comes out and
/// not what a header promises, and never past the limit.
class Output {
public:
    Output(Compression compression, std::size_t limit, std::string_view what)
        : name_(name_of(compression)), limit_(limit), what_(what) {}

    /// Free space of at least one byte to unpack into. Throws when the limit is reached.
    std::span<std::byte> space() {
        if (used_ == bytes_.size()) {
            if (used_ == limit_) too_large();
            bytes_.resize(std::min(limit_, std::max(first_size, used_ * 2)));
        }
        return std::span(bytes_).subspan(used_);
    }
    void filled(std::size_t n) { used_ += n; }

    void append(Bytes more) {
        if (more.size() > limit_ - used_) too_large();
        bytes_.resize(used_);
        bytes_.insert(bytes_.end(), more.begin(), more.end());
        used_ = bytes_.size();
    }

    std::vector<std::byte> take() {
        bytes_.resize(used_);
        return std::move(bytes_);
    }

    [[noreturn]] void damaged(std::string_view how) const {
        throw ConfigError(
            fmt::format("{}: its {} data is damaged ({}): the file is incomplete or not a kernel; "
                        "copy it again",
                        what_, name_, how));
    }

private:
    [[noreturn]] void too_large() const {
        throw ConfigError(
            fmt::format("{}: its {} data unpacks to more than {} MiB, which do not fit into the "
                        "guest's memory; "
                        "give the domain more memory",
                        what_, name_, limit_ >> 20));
    }

    static constexpr std::size_t first_size = std::size_t{1} << 20;
    std::string_view name_;
    std::size_t limit_;
    std::string_view what_;
    std::vector<std::byte> bytes_;
    std::size_t used_ = 0;
};

// zlib and libbz2 count in `unsigned`, and take inputs that they do not change as non-const.
constexpr std::size_t largest_piece = std::size_t{1} << 30;

template <class Char>
Char* input_pointer(Bytes bytes) {
    return const_cast<Char*>(reinterpret_cast<const Char*>(bytes.data()));
}
template <class Char>
Char* output_pointer(std::span<std::byte> bytes) {
    return reinterpret_cast<Char*>(bytes.data());
}

void gunzip(Bytes in, Output& out) {
    z_stream stream{};
    constexpr int window_bits_gzip = 15 + 16;
    if (inflateInit2(&stream, window_bits_gzip) != Z_OK) out.damaged("zlib does not start");
    const std::unique_ptr<z_stream, int (*)(z_stream*)> end{&stream, inflateEnd};
    for (;;) {
        const auto piece = in.first(std::min(in.size(), largest_piece));
        const auto space = out.space();
        stream.next_in = input_pointer<Bytef>(piece);
        stream.avail_in = static_cast<uInt>(piece.size());
        stream.next_out = output_pointer<Bytef>(space);
        const auto room = static_cast<uInt>(std::min(space.size(), largest_piece));
        stream.avail_out = room;
        const int result = inflate(&stream, Z_NO_FLUSH);
        in = in.subspan(piece.size() - stream.avail_in);
        out.filled(room - stream.avail_out);
        if (result == Z_STREAM_END) return;
        if (result == Z_BUF_ERROR) out.damaged("it ends too early");
        if (result != Z_OK) out.damaged(stream.msg != nullptr ? stream.msg : "zlib gives up");
    }
}

void bunzip2(Bytes in, Output& out) {
    bz_stream stream{};
    if (BZ2_bzDecompressInit(&stream, 0, 0) != BZ_OK) out.damaged("libbz2 does not start");
    const std::unique_ptr<bz_stream, int (*)(bz_stream*)> end{&stream, BZ2_bzDecompressEnd};
    for (;;) {
        const auto piece = in.first(std::min(in.size(), largest_piece));
        const auto space = out.space();
        stream.next_in = input_pointer<char>(piece);
        stream.avail_in = static_cast<unsigned>(piece.size());
        stream.next_out = output_pointer<char>(space);
        const auto room = static_cast<unsigned>(std::min(space.size(), largest_piece));
        stream.avail_out = room;
        const int result = BZ2_bzDecompress(&stream);
        in = in.subspan(piece.size() - stream.avail_in);
        out.filled(room - stream.avail_out);
        if (result == BZ_STREAM_END) return;
        if (result != BZ_OK) out.damaged("wrong checksum or structure");
        // libbz2 has no code for "more input is needed": it then just leaves output space unused.
        if (in.empty() && stream.avail_out != 0) out.damaged("it ends too early");
    }
}

/// Both forms of liblzma's data: .xz and the older .lzma.
void unlzma(Compression compression, Bytes in, Output& out) {
    // Kernels are packed with a dictionary of at most 128 MiB (scripts/xz_wrap.sh, lzma -9).
    constexpr std::uint64_t memory_limit = std::uint64_t{256} << 20;
    lzma_stream stream = LZMA_STREAM_INIT;
    const lzma_ret started = compression == Compression::xz
                                 ? lzma_stream_decoder(&stream, memory_limit, 0)
                                 : lzma_alone_decoder(&stream, memory_limit);
    const std::unique_ptr<lzma_stream, void (*)(lzma_stream*)> end{&stream, lzma_end};
    if (started != LZMA_OK) out.damaged("liblzma does not start");
    stream.next_in = input_pointer<const std::uint8_t>(in);
    stream.avail_in = in.size();
    for (;;) {
        const auto space = out.space();
        stream.next_out = output_pointer<std::uint8_t>(space);
        stream.avail_out = space.size();
        const lzma_ret result = lzma_code(&stream, LZMA_FINISH);
        out.filled(space.size() - stream.avail_out);
        if (result == LZMA_STREAM_END) return;
        if (result == LZMA_BUF_ERROR) out.damaged("it ends too early");
        if (result == LZMA_MEMLIMIT_ERROR) out.damaged("its dictionary is larger than 256 MiB");
        if (result != LZMA_OK) out.damaged("wrong checksum or structure");
    }
}

void unzstd(Bytes in, Output& out) {
    const std::unique_ptr<ZSTD_DCtx, std::size_t (*)(ZSTD_DCtx*)> context{ZSTD_createDCtx(),
                                                                          ZSTD_freeDCtx};
    if (!context) out.damaged("libzstd does not start");
    ZSTD_inBuffer input{in.data(), in.size(), 0};
    for (;;) {
        const auto space = out.space();
        ZSTD_outBuffer output{space.data(), space.size(), 0};
        const std::size_t result = ZSTD_decompressStream(context.get(), &output, &input);
        out.filled(output.pos);
        if (ZSTD_isError(result)) out.damaged(ZSTD_getErrorName(result));
        if (result == 0) return;
        if (input.pos == input.size && output.pos < output.size) out.damaged("it ends too early");
    }
}

/// The legacy frame of lz4 (lz4_Frame_format.md, "Legacy frame"): a magic number, then blocks of
/// [size: u32][data], each of which unpacks to at most 8 MiB. There is no mark for the end.
void unlz4(Bytes in, Output& out) {
    constexpr std::uint32_t frame_magic = 0x184C2102;
    constexpr std::uint32_t largest_block = std::uint32_t{8} << 20;
    std::vector<std::byte> block(largest_block);
    while (!in.empty()) {
        std::uint32_t size = 0;
        if (in.size() < sizeof size) out.damaged("it ends too early");
        std::memcpy(&size, in.data(), sizeof size);
        in = in.subspan(sizeof size);
        if (size == frame_magic) continue;  // frames may follow each other
        if (size == 0 || size > LZ4_COMPRESSBOUND(largest_block)) out.damaged("wrong block size");
        if (size > in.size()) out.damaged("it ends too early");
        const int length =
            LZ4_decompress_safe(input_pointer<const char>(in), output_pointer<char>(block),
                                static_cast<int>(size), static_cast<int>(largest_block));
        if (length < 0) out.damaged("wrong structure");
        out.append(Bytes(block).first(static_cast<std::size_t>(length)));
        in = in.subspan(size);
    }
}

}  // namespace

Compression compression_of(Bytes packed) {
    for (const Magic& magic : magics) {
        if (packed.size() >= magic.bytes.size() &&
            std::memcmp(packed.data(), magic.bytes.data(), magic.bytes.size()) == 0) {
            return magic.compression;
        }
    }
    return Compression::none;
}

std::string_view name_of(Compression compression) {
    for (const Magic& magic : magics) {
        if (magic.compression == compression) return magic.name;
    }
    return "no";
}

std::vector<std::byte> decompress(Compression compression, Bytes packed, std::size_t limit,
                                  std::string_view what) {
    Output out(compression, limit, what);
    switch (compression) {
        case Compression::gzip:
            gunzip(packed, out);
            break;
        case Compression::bzip2:
            bunzip2(packed, out);
            break;
        case Compression::xz:
        case Compression::lzma:
            unlzma(compression, packed, out);
            break;
        case Compression::zstd:
            unzstd(packed, out);
            break;
        case Compression::lz4:
            unlz4(packed, out);
            break;
        case Compression::lzo:
            throw ConfigError(
                fmt::format("{}: it is packed with lzo, which ring3 does not unpack (the library "
                            "is GPL); use a "
                            "kernel packed with gzip, xz, lzma, bzip2, lz4 or zstd, or unpack it "
                            "to an ELF file",
                            what));
        case Compression::none:
            throw ConfigError(fmt::format(
                "{}: its data is packed in no known way; gzip, xz, lzma, bzip2, lz4 and zstd are",
                what));
    }
    return out.take();
}

}  // namespace ring3
