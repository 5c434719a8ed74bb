// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include "hv/base/random.hpp"
#include "hv/io/net/packet/checksum.hpp"
#include "hv/io/net/packet/mac.hpp"
#include "hv/io/net/packet/plain_frames.hpp"
#include "tests/hv/io/net/packets.hpp"

namespace ring3::net {
namespace {

const Mac from = mac_of(1), to = mac_of(2);

std::vector<Packet> plain(const Frame& frame) {
    PlainFrames frames;
    std::vector<Packet> all;
    frames.each(frame, [&](const Frame& one) {
        EXPECT_EQ(one.gso, Gso::none);
        EXPECT_NE(one.checksum, Checksum::blank);
        all.push_back(packet_of(one.bytes));
    });
    return all;
}

std::vector<Tcp> kinds() {
    std::vector<Tcp> all;
    for (const bool is_ipv6 : {false, true})
        for (const unsigned protocol : {6u, 17u})
            all.push_back({.is_ipv6 = is_ipv6, .protocol = protocol});
    return all;
}

TEST(MacAddress, is_read_as_it_is_written) {
    const auto mac = parse_mac("00:16:3e:0a:ff:01");
    ASSERT_TRUE(mac);
    EXPECT_EQ(to_string(*mac), "00:16:3e:0a:ff:01");
    for (const char* text : {"", "00:16:3e:0a:ff", "00:16:3e:0a:ff:1", "00:16:3e:0a:ff:0g",
                             "00-16-3e-0a-ff-01", "00:16:3e:0a:ff:01 ", "00:16:3e:0a:ff:-1"})
        EXPECT_FALSE(parse_mac(text)) << text;
}

TEST(ChecksumSum, is_that_of_the_words_one_by_one) {
    Random random{7};
    for (std::size_t size = 0; size < 200; ++size) {
        Packet bytes(size);
        for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(random.next());
        const auto start = static_cast<std::uint16_t>(random.next());
        Packet with_start;
        append16(with_start, start);
        with_start.insert(with_start.end(), bytes.begin(), bytes.end());
        // Zero has two forms in one's complement.
        EXPECT_EQ(add_to_sum(start, bytes_of(bytes)) % 0xffff, reference_sum(with_start) % 0xffff)
            << size;
    }
}

TEST(ChecksumCompletion, makes_right_what_was_blank) {
    for (Tcp kind : kinds()) {
        for (kind.payload = 0; kind.payload < 64; ++kind.payload) {
            const Packet blank = blank_packet(kind, to, from);
            const auto made = plain({bytes_of(blank), Checksum::blank});
            ASSERT_EQ(made.size(), 1u);
            EXPECT_EQ(made[0].size(), blank.size());
            EXPECT_TRUE(has_right_checksums(made[0], kind)) << kind.protocol << kind.is_ipv6;
        }
    }
}

TEST(ChecksumCompletion, leaves_a_packet_alone_that_needs_none) {
    const Packet packet = blank_packet({}, to, from);
    EXPECT_EQ(plain({bytes_of(packet), Checksum::validated}), (std::vector<Packet>{packet}));
    EXPECT_EQ(plain({bytes_of(packet), Checksum::unknown}), (std::vector<Packet>{packet}));
}

TEST(ChecksumCompletion, passes_over_what_has_no_checksum) {
    const Packet packet = ethernet(to, from, 0x0806);
    EXPECT_TRUE(plain({bytes_of(packet), Checksum::blank}).empty());
}

class Segmentation : public ::testing::TestWithParam<bool> {};

/// Puts the segments together again, and checks each on the way.
TEST_P(Segmentation, makes_segments_that_are_the_packet_again) {
    for (const std::size_t payload : {1u, 1447u, 1448u, 1449u, 2896u, 10'000u, 60'000u}) {
        const Tcp tcp{
            .is_ipv6 = GetParam(), .payload = payload, .flags = 0x99, .sequence = 0xffff'f000};
        const Packet large = blank_packet(tcp, to, from);
        const auto made =
            plain({bytes_of(large), Checksum::blank, GetParam() ? Gso::tcpv6 : Gso::tcpv4, 1448});
        ASSERT_EQ(made.size(), (payload + 1447) / 1448);
        std::vector<std::uint8_t> data;
        for (std::size_t i = 0; i < made.size(); ++i) {
            const Packet& segment = made[i];
            const bool is_last = i + 1 == made.size();
            EXPECT_TRUE(has_right_checksums(segment, tcp)) << i;
            const std::size_t transport = 14 + tcp.ip_header();
            EXPECT_EQ(get32(segment, transport + 4),
                      static_cast<std::uint32_t>(tcp.sequence + data.size()));
            // FIN and PSH come last, CWR goes first.
            EXPECT_EQ(segment[transport + 13] & 0x89, (is_last ? 0x09 : 0) | (i == 0 ? 0x80 : 0));
            if (GetParam()) {
                EXPECT_EQ(get16(segment, 18), segment.size() - 54);
            } else {
                EXPECT_EQ(get16(segment, 16), segment.size() - 14);
                EXPECT_EQ(get16(segment, 18), 0x1234 + i) << "each packet has a number of its own";
            }
            const auto begin = segment.begin() + static_cast<long>(tcp.headers());
            EXPECT_LE(segment.end() - begin, 1448);
            data.insert(data.end(), begin, segment.end());
        }
        EXPECT_EQ(data, Packet(large.begin() + static_cast<long>(tcp.headers()), large.end()));
    }
}

INSTANTIATE_TEST_SUITE_P(BothProtocols, Segmentation, ::testing::Bool());

TEST(SegmentationOfLies, passes_over_packets_that_are_no_tcp_of_that_kind) {
    const Packet tcp = blank_packet({}, to, from);
    const Packet udp = blank_packet({.protocol = 17}, to, from);
    EXPECT_TRUE(plain({bytes_of(tcp), Checksum::blank, Gso::tcpv6, 1448}).empty());
    EXPECT_TRUE(plain({bytes_of(udp), Checksum::blank, Gso::tcpv4, 1448}).empty());
    EXPECT_TRUE(plain({bytes_of(tcp), Checksum::blank, Gso::tcpv4, 1}).empty())
        << "a segment for each byte";
}

TEST(Headers, are_found_behind_a_vlan_tag) {
    Packet packet = blank_packet({}, to, from);
    packet.insert(packet.begin() + 12, {0x81, 0x00, 0x00, 0x05});
    const auto headers = find_headers(bytes_of(packet));
    ASSERT_TRUE(headers);
    EXPECT_EQ(headers->network, 18u);
    EXPECT_EQ(headers->end, packet.size());
}

TEST(Headers, are_not_believed_beyond_the_frame) {
    for (const Tcp& kind : kinds()) {
        const Packet packet = blank_packet(kind, to, from);
        ASSERT_TRUE(find_headers(bytes_of(packet)));
        for (std::size_t size = 0; size < packet.size(); ++size)
            EXPECT_FALSE(find_headers(bytes_of(packet).first(size))) << size;
    }
}

TEST(Headers, of_any_bytes_lie_inside_of_them) {
    Random random{11};
    for (int i = 0; i < 200'000; ++i) {
        Packet packet = blank_packet(kinds()[random.below(4)], to, from);
        for (std::uint64_t changes = random.below(6); changes-- != 0;)
            packet[12 + random.below(60)] = static_cast<std::uint8_t>(random.next());
        packet.resize(random.below(packet.size() + 1));
        const auto headers = find_headers(bytes_of(packet));
        if (!headers) continue;
        ASSERT_LE(headers->end, packet.size());
        ASSERT_LE(headers->payload, headers->end);
        ASSERT_LE(headers->checksum() + 2, headers->payload);
        plain({bytes_of(packet), Checksum::blank, headers->is_ipv6 ? Gso::tcpv6 : Gso::tcpv4, 100});
    }
}

TEST(Headers, of_fragments_are_none) {
    Packet packet = blank_packet({}, to, from);
    set16(packet, 20, 0x2000);
    EXPECT_FALSE(find_headers(bytes_of(packet)));
}

TEST(FlowHash, is_the_same_for_the_packets_of_one_connection) {
    const Packet one = blank_packet({.payload = 10}, to, from);
    Packet other = blank_packet({.payload = 500}, to, from);
    EXPECT_EQ(flow_hash(bytes_of(one)), flow_hash(bytes_of(other)));
    set16(other, 34, 4322);
    EXPECT_NE(flow_hash(bytes_of(one)), flow_hash(bytes_of(other)));
}

}  // namespace
}  // namespace ring3::net
