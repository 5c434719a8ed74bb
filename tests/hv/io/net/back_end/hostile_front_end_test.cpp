// SPDX-License-Identifier: MIT
// Front ends that lie: each loses a packet or its connection, and the others notice nothing.
#include <gtest/gtest.h>

#include "hv/base/random.hpp"
#include "tests/hv/io/net/front_end.hpp"

namespace ring3::net {
namespace {

class HostileFrontEnd : public ::testing::Test, protected Household {
protected:
    HostileFrontEnd() {
        work();
        bad.connect();
        good.connect();
        other.connect();
    }
    ~HostileFrontEnd() override {
        const Packet packet = ethernet(mac_of(3), mac_of(2), 0x88b5);
        good.send(packet);
        const auto got = other.receive();
        EXPECT_FALSE(got.empty());
        if (!got.empty()) {
            EXPECT_EQ(got.back().bytes, packet);
        }
    }
    abi::TxRequest request(std::uint16_t size, std::uint16_t flags = 0) {
        return {FrontEnd::ref_of(FrontEnd::tx_pfn), 0, flags, 7, size};
    }
    bool has_lost_its_connection() {
        return bad.read_back("state") == "5" && !bad.read_back("error").empty();
    }

    FrontEnd bad{*this, 1}, good{*this, 2}, other{*this, 3};
};

TEST_F(HostileFrontEnd, loses_its_connection_for_an_impossible_tx_index) {
    bad.tx_prod = 257;
    bad.send_event();
    EXPECT_TRUE(has_lost_its_connection());
}

TEST_F(HostileFrontEnd, loses_its_connection_for_an_impossible_rx_index) {
    bad.rx().req_prod = bad.rx_prod + 300;
    good.send(ethernet(mac_of(1), mac_of(2), 0x88b5));
    EXPECT_TRUE(has_lost_its_connection());
}

TEST_F(HostileFrontEnd, loses_its_connection_when_an_index_goes_back) {
    bad.send(ethernet(mac_of(2), mac_of(1), 0x88b5));
    bad.tx_prod = 0;
    bad.send_event();
    EXPECT_TRUE(has_lost_its_connection());
}

TEST_F(HostileFrontEnd, loses_its_connection_for_bytes_beyond_a_page) {
    bad.add({FrontEnd::ref_of(FrontEnd::tx_pfn), 4000, 0, 0, 200});
    bad.send_event();
    EXPECT_TRUE(has_lost_its_connection());
}

TEST_F(HostileFrontEnd, loses_its_connection_for_bytes_beyond_the_page_of_a_fragment) {
    bad.add(request(300, NETTXF_more_data));
    bad.add({FrontEnd::ref_of(FrontEnd::tx_pfn), 4000, 0, 0, 200});
    bad.send_event();
    EXPECT_TRUE(has_lost_its_connection());
}

TEST_F(HostileFrontEnd, loses_its_connection_for_a_packet_without_an_end) {
    bad.add(request(300, NETTXF_more_data));
    bad.send_event();
    EXPECT_TRUE(has_lost_its_connection());
}

TEST_F(HostileFrontEnd, loses_its_connection_for_missing_extra_information) {
    bad.add(request(300, NETTXF_extra_info));
    bad.send_event();
    EXPECT_TRUE(has_lost_its_connection());
}

TEST_F(HostileFrontEnd, loses_its_connection_for_extra_information_of_no_kind) {
    for (const int type : {0, XEN_NETIF_EXTRA_TYPE_MAX, 255}) {
        FrontEnd worse{*this, 9};
        work();
        worse.connect();
        worse.add(request(300, NETTXF_extra_info));
        abi::NetExtraInfo extra{};
        extra.type = static_cast<std::uint8_t>(type);
        worse.add_extra(extra);
        worse.send_event();
        EXPECT_EQ(worse.read_back("state"), "5") << type;
    }
}

TEST_F(HostileFrontEnd, loses_its_connection_for_endless_extra_information) {
    bad.add(request(300, NETTXF_extra_info));
    auto extra = FrontEnd::gso(XEN_NETIF_GSO_TYPE_TCPV4, 1448);
    extra.flags = XEN_NETIF_EXTRA_FLAG_MORE;
    for (int i = 0; i < 100; ++i) bad.add_extra(extra);
    bad.send_event();
    EXPECT_TRUE(has_lost_its_connection());
}

TEST_F(HostileFrontEnd, loses_its_connection_for_segments_of_nothing) {
    bad.send(blank_packet({}, mac_of(2), mac_of(1)), NETTXF_csum_blank,
             FrontEnd::gso(XEN_NETIF_GSO_TYPE_TCPV4, 0));
    EXPECT_TRUE(has_lost_its_connection());
}

TEST_F(HostileFrontEnd, loses_its_connection_for_far_too_many_pieces) {
    for (int i = 0; i < 40; ++i) bad.add(request(i == 0 ? 400 : 10, NETTXF_more_data));
    bad.send_event();
    EXPECT_TRUE(has_lost_its_connection());
}

TEST_F(HostileFrontEnd, loses_a_packet_of_too_many_pieces) {
    for (int i = 0; i < 19; ++i) bad.add(request(i == 0 ? 190 : 10, i < 18 ? NETTXF_more_data : 0));
    bad.send_event();
    EXPECT_EQ(bad.take_statuses(), std::vector(19, NETIF_RSP_ERROR));
}

TEST_F(HostileFrontEnd, loses_a_packet_whose_pieces_are_larger_than_it) {
    bad.add(request(100, NETTXF_more_data));
    bad.add(request(101));
    bad.send_event();
    EXPECT_EQ(bad.take_statuses(), std::vector(2, NETIF_RSP_ERROR));
}

TEST_F(HostileFrontEnd, loses_a_packet_that_is_no_frame) {
    bad.add(request(13));
    bad.add(request(0));
    bad.send_event();
    EXPECT_EQ(bad.take_statuses(), std::vector(2, NETIF_RSP_ERROR));
}

TEST_F(HostileFrontEnd, loses_packets_from_pages_that_it_does_not_grant) {
    bad.add({5, 0, 0, 0, 100});
    bad.add({511, 0, 0, 0, 100});
    bad.add({512, 0, 0, 0, 100});
    bad.add({~grant_ref_t{0}, 0, 0, 0, 100});
    bad.send_event();
    EXPECT_EQ(bad.take_statuses(), std::vector(4, NETIF_RSP_ERROR));
}

TEST_F(HostileFrontEnd, loses_packets_that_are_not_what_it_says) {
    const Packet udp = blank_packet({.protocol = 17}, mac_of(2), mac_of(1));
    bad.send(udp, NETTXF_csum_blank, FrontEnd::gso(XEN_NETIF_GSO_TYPE_TCPV4, 1448));
    bad.send(ethernet(mac_of(2), mac_of(1), 0x0806), NETTXF_csum_blank);
    EXPECT_EQ(bad.take_statuses(),
              (std::vector<int>{NETIF_RSP_ERROR, NETIF_RSP_NULL, NETIF_RSP_ERROR}));
}

TEST_F(HostileFrontEnd, gets_errors_for_buffers_that_it_does_not_grant) {
    bad.grant(FrontEnd::rx_pfn, GTF_permit_access | GTF_readonly);
    bad.guest.domain.grants().set_entry(FrontEnd::ref_of(FrontEnd::rx_pfn + 1), {});
    // A page table, which nothing may write to.
    bad.guest.domain.grants().set_entry(
        FrontEnd::ref_of(FrontEnd::rx_pfn + 2),
        {.flags = GTF_permit_access,
         .domid = 0,
         .frame = static_cast<std::uint32_t>(bad.guest.table_mfn(1))});
    for (int i = 0; i < 4; ++i) good.send(ethernet(mac_of(1), mac_of(2), 0x88b5));
    const auto got = bad.receive();
    ASSERT_EQ(got.size(), 4u);
    for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(got[i].error, NETIF_RSP_ERROR) << i;
    EXPECT_EQ(got[3].error, 0);
}

TEST_F(HostileFrontEnd, is_refused_for_rings_that_it_does_not_grant) {
    FrontEnd worse{*this, 9};
    work();
    worse.publish();
    worse.write("tx-ring-ref", "4294967296");
    worse.set_state(XenbusStateConnected);
    EXPECT_EQ(worse.read_back("state"), "5");
}

TEST_F(HostileFrontEnd, is_refused_for_channels_that_it_does_not_have) {
    FrontEnd worse{*this, 9};
    work();
    worse.publish();
    worse.write("event-channel-rx", "77");
    worse.set_state(XenbusStateConnected);
    EXPECT_EQ(worse.read_back("state"), "5");
}

TEST_F(HostileFrontEnd, is_refused_for_queues_that_nobody_offered) {
    for (const char* count : {"0", "9", "18446744073709551615", "x"}) {
        FrontEnd worse{*this, 9};
        work();
        worse.publish();
        worse.write("multi-queue-num-queues", count);
        worse.set_state(XenbusStateConnected);
        EXPECT_EQ(worse.read_back("state"), std::string(count) == "x" ? "4" : "5") << count;
    }
}

TEST_F(HostileFrontEnd, can_write_anything_into_its_rings) {
    Random random{3};
    for (int round = 0; round < 2000; ++round) {
        FrontEnd worst{*this, 9};
        work();
        worst.connect();
        for (std::uint64_t steps = random.below(30); steps-- != 0;) {
            const auto flags = static_cast<std::uint16_t>(random.below(16));
            if (random.chance(1, 4)) {
                abi::NetExtraInfo extra =
                    FrontEnd::gso(static_cast<std::uint8_t>(random.below(4)),
                                  static_cast<std::uint16_t>(random.below(1500)));
                extra.type = static_cast<std::uint8_t>(random.below(6));
                extra.flags = static_cast<std::uint8_t>(random.below(2));
                worst.add_extra(extra);
            } else {
                worst.add({static_cast<grant_ref_t>(random.below(48)),
                           static_cast<std::uint16_t>(random.below(5000)), flags, 0,
                           static_cast<std::uint16_t>(random.next())});
            }
        }
        if (random.chance(1, 8)) worst.tx_prod += static_cast<std::uint32_t>(random.below(600));
        worst.send_event();
        other.receive();
    }
}

}  // namespace
}  // namespace ring3::net
