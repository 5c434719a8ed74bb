// SPDX-License-Identifier: MIT
#include "hv/domain/builder/decompress.hpp"

#include <bzlib.h>
#include <lz4.h>
#include <lzma.h>
#include <zlib.h>
#include <zstd.h>

#include <cstdint>
#include <cstring>

#include <gmock/gmock.h>

#include "hv/base/errors.hpp"
#include "tests/hv/domain/builder/synthetic_kernel.hpp"

namespace ring3 {
namespace {

using test::ByteVector;

/// Not all alike.
ByteVector sample(std::size_t size) {
    ByteVector bytes(size);
    std::uint32_t x = 1;
    for (std::byte& byte : bytes) {
        x = x * 1664525u + 1013904223u;
        byte = static_cast<std::byte>(x >> 29);
    }
    return bytes;
}

template <class Char>
auto* chars(ByteVector& bytes) {
    return reinterpret_cast<Char*>(bytes.data());
}

ByteVector pack_gzip(ByteVector in) {
    ByteVector out(in.size() + 4096);
    z_stream stream{};
    EXPECT_EQ(deflateInit2(&stream, 1, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    stream.next_in = chars<Bytef>(in);
    stream.avail_in = static_cast<uInt>(in.size());
    stream.next_out = chars<Bytef>(out);
    stream.avail_out = static_cast<uInt>(out.size());
    EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
    out.resize(stream.total_out);
    deflateEnd(&stream);
    return out;
}

ByteVector pack_bzip2(ByteVector in) {
    ByteVector out(in.size() + in.size() / 50 + 4096);
    auto size = static_cast<unsigned>(out.size());
    EXPECT_EQ(BZ2_bzBuffToBuffCompress(chars<char>(out), &size, chars<char>(in),
                                       static_cast<unsigned>(in.size()), 1, 0, 0),
              BZ_OK);
    out.resize(size);
    return out;
}

ByteVector pack_xz(ByteVector in) {
    ByteVector out(in.size() + 4096);
    std::size_t size = 0;
    EXPECT_EQ(lzma_easy_buffer_encode(0, LZMA_CHECK_CRC32, nullptr, chars<std::uint8_t>(in),
                                      in.size(), chars<std::uint8_t>(out), &size, out.size()),
              LZMA_OK);
    out.resize(size);
    return out;
}

ByteVector pack_lzma(ByteVector in) {
    lzma_options_lzma options{};
    EXPECT_FALSE(lzma_lzma_preset(&options, 0));
    lzma_stream stream = LZMA_STREAM_INIT;
    EXPECT_EQ(lzma_alone_encoder(&stream, &options), LZMA_OK);
    ByteVector out(in.size() + 4096);
    stream.next_in = chars<std::uint8_t>(in);
    stream.avail_in = in.size();
    stream.next_out = chars<std::uint8_t>(out);
    stream.avail_out = out.size();
    EXPECT_EQ(lzma_code(&stream, LZMA_FINISH), LZMA_STREAM_END);
    out.resize(stream.total_out);
    lzma_end(&stream);
    return out;
}

ByteVector pack_zstd(ByteVector in) {
    ByteVector out(ZSTD_compressBound(in.size()));
    out.resize(ZSTD_compress(out.data(), out.size(), in.data(), in.size(), 1));
    return out;
}

ByteVector pack_lz4(ByteVector in) {
    ByteVector out = test::bytes_of("\x02\x21\x4c\x18");
    constexpr std::size_t block_size = 8u << 20;
    for (std::size_t at = 0; at < in.size(); at += block_size) {
        const auto length = static_cast<int>(std::min(block_size, in.size() - at));
        ByteVector block(static_cast<std::size_t>(LZ4_compressBound(length)));
        const auto size = static_cast<std::uint32_t>(LZ4_compress_default(
            chars<char>(in) + at, chars<char>(block), length, static_cast<int>(block.size())));
        std::byte header[sizeof size];
        std::memcpy(header, &size, sizeof size);
        out.insert(out.end(), header, header + sizeof size);
        out.insert(out.end(), block.begin(), block.begin() + size);
    }
    return out;
}

struct Packer {
    Compression compression;
    ByteVector (*pack)(ByteVector);
    /// Larger than the first output buffer; for lz4 also than one block.
    std::size_t sample_size = 3u << 19;

    ByteVector packed() const { return pack(sample(sample_size)); }
};

class EveryCompression : public testing::TestWithParam<Packer> {};

std::string message(Compression compression, std::span<const std::byte> packed, std::size_t limit) {
    try {
        decompress(compression, packed, limit, "vmlinuz");
    } catch (const ConfigError& error) {
        return error.what();
    }
    return "no error";
}

TEST_P(EveryCompression, unpacks_what_its_library_packed) {
    const ByteVector packed = GetParam().packed();
    ASSERT_EQ(compression_of(packed), GetParam().compression);
    EXPECT_TRUE(decompress(GetParam().compression, packed, 16u << 20, "vmlinuz") ==
                sample(GetParam().sample_size));
}

TEST_P(EveryCompression, unpacks_up_to_its_limit_and_no_further) {
    const ByteVector packed = GetParam().packed();
    EXPECT_EQ(message(GetParam().compression, packed, GetParam().sample_size + 1), "no error");
    EXPECT_THAT(message(GetParam().compression, packed, GetParam().sample_size - 1),
                testing::HasSubstr("unpacks to more than"));
}

TEST_P(EveryCompression, refuses_a_truncated_stream) {
    const ByteVector packed = GetParam().packed();
    for (const std::size_t size : {packed.size() - 1, packed.size() / 2, std::size_t{7}}) {
        EXPECT_THAT(message(GetParam().compression, std::span(packed).first(size), 16u << 20),
                    testing::HasSubstr("is damaged"))
            << size;
    }
}

TEST_P(EveryCompression, survives_damage_anywhere) {
    const ByteVector good = GetParam().pack(ByteVector(3000, std::byte{7}));
    for (std::size_t i = 0; i < good.size(); ++i) {
        ByteVector bad = good;
        bad[i] ^= std::byte{0x55};
        message(GetParam().compression, bad, 1u << 20);  // an answer or an error, no crash
    }
}

INSTANTIATE_TEST_SUITE_P(
    , EveryCompression,
    testing::Values(Packer{Compression::gzip, pack_gzip}, Packer{Compression::bzip2, pack_bzip2},
                    Packer{Compression::xz, pack_xz}, Packer{Compression::lzma, pack_lzma},
                    Packer{Compression::zstd, pack_zstd},
                    Packer{Compression::lz4, pack_lz4, 9u << 20}),
    [](const auto& packer) { return std::string(name_of(packer.param.compression)); });

TEST(Decompress, refuses_lzo_by_name) {
    const ByteVector packed = test::bytes_of("\x89LZO....");
    ASSERT_EQ(compression_of(packed), Compression::lzo);
    EXPECT_THAT(message(Compression::lzo, packed, 1u << 20), testing::HasSubstr("GPL"));
}

TEST(Decompress, knows_no_compression_in_other_bytes) {
    EXPECT_EQ(compression_of(test::bytes_of("\x7f"
                                            "ELF")),
              Compression::none);
    EXPECT_EQ(compression_of({}), Compression::none);
}

TEST(Decompress, does_not_expand_a_bomb) {
    const ByteVector packed = pack_gzip(ByteVector(64u << 20));
    EXPECT_THAT(message(Compression::gzip, packed, 1u << 20),
                testing::HasSubstr("unpacks to more than 1 MiB"));
}

}  // namespace
}  // namespace ring3
