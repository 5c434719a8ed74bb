// SPDX-License-Identifier: MIT
#include "hv/io/net/back_end/net_back_end.hpp"

#include <gtest/gtest.h>

#include "tests/hv/io/net/front_end.hpp"

namespace ring3::net {
namespace {

using namespace std::chrono_literals;

constexpr std::uint16_t blank = NETTXF_csum_blank | NETTXF_data_validated;

class NetBackEndTest : public ::testing::Test, protected Household {
protected:
    void connect() {
        work();
        one.connect();
        two.connect();
    }
    Packet from_one_to_two(std::size_t payload = 46) {
        return ethernet(mac_of(2), mac_of(1), 0x88b5, payload);
    }
    static NetBackEnd::Parameters with(std::function<void(NetBackEnd::Parameters&)> change) {
        NetBackEnd::Parameters parameters;
        change(parameters);
        return parameters;
    }

    FrontEnd one{*this, 1}, two{*this, 2};
};

TEST_F(NetBackEndTest, publishes_what_it_offers_and_connects) {
    work();
    EXPECT_EQ(one.read_back("state"), "2");
    EXPECT_EQ(one.read_back("hotplug-status"), "connected");
    EXPECT_EQ(one.read_back("feature-sg"), "1");
    EXPECT_EQ(one.read_back("feature-rx-copy"), "1");
    EXPECT_EQ(one.read_back("feature-split-event-channels"), "1");
    std::string mac;
    store.read(domain0, 0, one.back_end->front_path() + "/mac", mac);
    EXPECT_EQ(mac, to_string(mac_of(1)));
    one.connect();
    EXPECT_EQ(one.read_back("state"), "4");
}

TEST_F(NetBackEndTest, carries_a_frame_from_guest_to_guest) {
    connect();
    const Packet packet = from_one_to_two();
    one.send(packet);
    EXPECT_EQ(one.take_statuses(), std::vector{NETIF_RSP_OKAY});
    EXPECT_TRUE(one.is_signalled(one.tx_port));
    const auto got = two.receive();
    ASSERT_EQ(got.size(), 1u);
    EXPECT_EQ(got[0].bytes, packet);
    EXPECT_EQ(got[0].flags, 0);
    EXPECT_TRUE(two.is_signalled(two.rx_port));
    EXPECT_TRUE(one.receive().empty());
}

TEST_F(NetBackEndTest, gathers_and_scatters_packets_of_any_size_cut_anyhow) {
    connect();
    for (const std::size_t payload : {0u, 1u, 46u, 4081u, 4082u, 4083u, 9000u, 12'000u}) {
        for (const std::size_t piece : {1600u, 4096u}) {
            const Packet packet = from_one_to_two(payload);
            one.send(packet, 0, std::nullopt, piece);
            for (const int status : one.take_statuses()) EXPECT_EQ(status, NETIF_RSP_OKAY);
            const auto got = two.receive();
            ASSERT_EQ(got.size(), 1u) << payload;
            EXPECT_EQ(got[0].bytes, packet) << payload;
            EXPECT_EQ(got[0].slots, static_cast<int>((packet.size() + 4095) / 4096));
        }
    }
}

TEST_F(NetBackEndTest, says_what_is_known_of_the_checksum) {
    connect();
    const Packet packet = blank_packet({}, mac_of(2), mac_of(1));
    one.send(packet, blank);
    one.send(packet, NETTXF_data_validated);
    one.send(packet, 0);
    const auto got = two.receive();
    ASSERT_EQ(got.size(), 3u);
    EXPECT_EQ(got[0].flags, NETRXF_csum_blank | NETRXF_data_validated);
    EXPECT_EQ(got[0].bytes, packet);
    EXPECT_EQ(got[1].flags, NETRXF_data_validated);
    EXPECT_EQ(got[2].flags, 0);
}

TEST_F(NetBackEndTest, completes_checksums_for_those_who_take_no_blank_ones) {
    work();
    two.write("feature-no-csum-offload", "1");
    connect();
    const Tcp tcp;
    one.send(blank_packet(tcp, mac_of(2), mac_of(1)), blank);
    const auto got = two.receive();
    ASSERT_EQ(got.size(), 1u);
    EXPECT_TRUE(has_right_checksums(got[0].bytes, tcp));
    EXPECT_EQ(got[0].flags, NETRXF_data_validated);
}

class BothProtocols : public NetBackEndTest, public ::testing::WithParamInterface<bool> {
protected:
    Tcp tcp() const { return {.is_ipv6 = GetParam(), .payload = 30'000}; }
    abi::NetExtraInfo gso() const {
        return FrontEnd::gso(GetParam() ? XEN_NETIF_GSO_TYPE_TCPV6 : XEN_NETIF_GSO_TYPE_TCPV4,
                             1448);
    }
};
INSTANTIATE_TEST_SUITE_P(NetBackEnd, BothProtocols, ::testing::Bool());

TEST_P(BothProtocols, large_packets_pass_whole_where_the_receiver_takes_them) {
    connect();
    const Packet packet = blank_packet(tcp(), mac_of(2), mac_of(1));
    one.send(packet, blank, gso());
    std::vector<int> statuses(9, NETIF_RSP_OKAY);
    statuses[1] = NETIF_RSP_NULL;
    EXPECT_EQ(one.take_statuses(), statuses);
    const auto got = two.receive();
    ASSERT_EQ(got.size(), 1u);
    EXPECT_EQ(got[0].bytes, packet);
    ASSERT_TRUE(got[0].extra);
    EXPECT_EQ(got[0].extra->type, XEN_NETIF_EXTRA_TYPE_GSO);
    EXPECT_EQ(got[0].extra->u.gso.size, 1448);
    EXPECT_EQ(got[0].extra->u.gso.type, gso().u.gso.type);
    EXPECT_EQ(got[0].slots, 9);
}

TEST_P(BothProtocols, large_packets_are_segmented_for_others) {
    work();
    connect();
    two.set_state(XenbusStateClosed);
    two.set_state(XenbusStateInitialising);
    two.publish();
    two.write(GetParam() ? "feature-gso-tcpv6" : "feature-gso-tcpv4", "0");
    two.set_state(XenbusStateConnected);
    one.send(blank_packet(tcp(), mac_of(2), mac_of(1)), blank, gso());
    std::size_t segments = 0;
    for (auto got = two.receive(); !got.empty(); got = two.receive()) {
        for (const auto& segment : got) EXPECT_TRUE(has_right_checksums(segment.bytes, tcp()));
        segments += got.size();
        two.send_rx_event();
    }
    EXPECT_EQ(segments, (tcp().payload + 1447) / 1448);
}

TEST_F(NetBackEndTest, tells_older_front_ends_of_large_packets_by_a_prefix) {
    work();
    two.write("feature-gso-tcpv4-prefix", "1");
    connect();
    const Packet packet = blank_packet({.payload = 5000}, mac_of(2), mac_of(1));
    one.send(packet, blank, FrontEnd::gso(XEN_NETIF_GSO_TYPE_TCPV4, 1448));
    const auto prefix = two.slot<abi::RxResponse>(two.rx(), 0);
    EXPECT_EQ(prefix.flags, NETRXF_gso_prefix | NETRXF_more_data);
    EXPECT_EQ(prefix.offset, 1448);
    const auto got = two.receive();
    ASSERT_EQ(got.size(), 1u);
    EXPECT_EQ(got[0].bytes, packet);
}

TEST_F(NetBackEndTest, keeps_frames_until_there_are_buffers_and_drops_what_is_too_much) {
    connect();
    for (int i = 0; i < 2000; ++i) one.send(from_one_to_two(986));
    EXPECT_EQ(two.receive().size(), FrontEnd::rx_pages);
    std::size_t more = 0;
    for (two.send_rx_event();; two.send_rx_event()) {
        const auto got = two.receive();
        if (got.empty()) break;
        more += got.size();
    }
    EXPECT_EQ(more, 128 * page_size / 1000 + 1);
    one.send(from_one_to_two());
    EXPECT_EQ(two.receive().size(), 1u) << "all is well again";
}

TEST_F(NetBackEndTest, keeps_nothing_for_front_ends_that_do_not_tell_of_buffers) {
    work();
    two.publish();
    two.write("feature-rx-notify", "0");
    two.set_state(XenbusStateConnected);
    one.connect();
    one.send(from_one_to_two());
    two.post_buffers(4);
    two.send_rx_event();
    EXPECT_TRUE(two.receive().empty());
}

TEST_F(NetBackEndTest, notifies_only_when_asked_to) {
    connect();
    one.send(from_one_to_two());
    two.receive();
    EXPECT_TRUE(two.is_signalled(two.rx_port));
    auto& pending =
        *reinterpret_cast<shared_info*>(two.guest.frames.at(two.guest.domain.shared_info()).host);
    std::memset(pending.evtchn_pending, 0, sizeof pending.evtchn_pending);
    two.rx().rsp_event = two.rx_cons + 3;
    one.send(from_one_to_two());
    one.send(from_one_to_two());
    EXPECT_FALSE(two.is_signalled(two.rx_port));
    one.send(from_one_to_two());
    EXPECT_TRUE(two.is_signalled(two.rx_port));
}

TEST_F(NetBackEndTest, works_over_each_io_path) {
    for (const PolicyName& path : Registry<IoPath>::names()) {
        FrontEnd sender{*this, 3, with([&](auto& parameters) {
                            parameters.make_path = [path] { return make_path(path.name); };
                        })};
        FrontEnd receiver{*this, 4, with([&](auto& parameters) {
                              parameters.make_path = [path] { return make_path(path.name); };
                          })};
        store.deliver_native();
        for (FrontEnd* end : {&sender, &receiver}) {
            end->publish();
            end->post_buffers(FrontEnd::rx_pages);
            end->write("state", "4");
        }
        store.deliver_native();
        for (int i = 0; i < 60; ++i) {
            sender.add({FrontEnd::ref_of(FrontEnd::tx_pfn), 0, 0, 0, 60});
            const Packet packet = ethernet(mac_of(4), mac_of(3), 0x88b5);
            std::memcpy(sender.page(FrontEnd::tx_pfn), packet.data(), packet.size());
        }
        sender.tx().req_prod = sender.tx_prod;
        sender.guest.domain.events().send(EventPort{static_cast<std::uint32_t>(sender.tx_port)});
        std::size_t got = 0;
        for (int i = 0; i < 20; ++i) {
            driver_domain.pass(1ms);
            got += receiver.receive().size();
            receiver.guest.domain.events().send(
                EventPort{static_cast<std::uint32_t>(receiver.rx_port)});
        }
        EXPECT_EQ(got, 60u) << path.name;
        EXPECT_EQ(sender.take_statuses().size(), 60u) << path.name;
    }
}

TEST_F(NetBackEndTest, uses_all_queues_of_a_front_end) {
    work();
    two.publish();
    for (const char* name : {"tx-ring-ref", "rx-ring-ref", "event-channel-tx", "event-channel-rx"})
        store.remove(DomainId{2}, 0, std::string("device/vif/0/") + name);
    two.write("multi-queue-num-queues", "2");
    // Queue 0 has the rings of the single queue, queue 1 others.
    const std::uint64_t other_tx = FrontEnd::rx_pfn + FrontEnd::rx_pages - 1;
    two.write("queue-0/tx-ring-ref", std::to_string(FrontEnd::ref_of(FrontEnd::tx_ring_pfn)));
    two.write("queue-0/rx-ring-ref", std::to_string(FrontEnd::ref_of(FrontEnd::rx_ring_pfn)));
    two.write("queue-1/tx-ring-ref", std::to_string(FrontEnd::ref_of(other_tx)));
    two.write("queue-1/rx-ring-ref", std::to_string(FrontEnd::ref_of(other_tx - 1)));
    two.write("queue-0/event-channel", std::to_string(two.tx_port));
    two.write("queue-1/event-channel", std::to_string(two.rx_port));
    two.set_state(XenbusStateConnected);
    EXPECT_EQ(two.read_back("state"), "4");
    one.connect();
    auto& ring = *reinterpret_cast<::netif_rx_sring*>(two.page(other_tx - 1));
    for (std::uint32_t i = 0; i < 2; ++i)
        two.put_slot(ring, i, abi::RxRequest{0, 0, FrontEnd::ref_of(FrontEnd::rx_pfn + i)});
    ring.req_prod = 2;
    two.post_buffers(2);
    for (unsigned port = 0; port < 64 && (two.rx().rsp_prod == 0 || ring.rsp_prod == 0); ++port) {
        Packet packet = blank_packet({}, mac_of(2), mac_of(1));
        set16(packet, 34, 1024 + port);
        one.send(packet, blank);
    }
    EXPECT_GT(two.rx().rsp_prod, 0u);
    EXPECT_GT(ring.rsp_prod, 0u);
}

TEST_F(NetBackEndTest, connects_again_after_its_driver_was_unloaded) {
    connect();
    two.set_state(XenbusStateClosing);
    EXPECT_EQ(two.read_back("state"), "5");
    two.set_state(XenbusStateClosed);
    EXPECT_EQ(two.read_back("state"), "6");
    one.send(from_one_to_two());
    two.set_state(XenbusStateInitialising);
    EXPECT_EQ(two.read_back("state"), "2");
    two.set_state(XenbusStateConnected);
    EXPECT_EQ(two.read_back("state"), "4");
    one.send(from_one_to_two());
    EXPECT_EQ(two.receive().size(), 1u);
}

TEST_F(NetBackEndTest, holds_what_is_over_the_rate) {
    FrontEnd slow{*this, 3, with([](auto& parameters) {
                      parameters.rate = RateLimit::Rate{10'000, 10ms};
                  })};
    connect();
    slow.connect();
    EXPECT_EQ(slow.read_back("rate"), "10000,10000");
    const Time begin = driver_domain.time;
    const Packet packet = ethernet(mac_of(2), mac_of(3), 0x88b5, 986);
    std::size_t sent = 0;
    for (int i = 0; i < 250; ++i) {
        std::memcpy(slow.page(FrontEnd::tx_pfn), packet.data(), packet.size());
        slow.add({FrontEnd::ref_of(FrontEnd::tx_pfn), 0, 0, 0, 1000});
    }
    slow.send_event();
    sent += slow.take_statuses().size();
    EXPECT_EQ(sent, 10u);
    for (; sent < 250; sent += slow.take_statuses().size()) {
        driver_domain.pass(10ms);
        two.receive();
    }
    EXPECT_EQ(driver_domain.time - begin, 240ms) << "a megabyte each second";
}

TEST_F(NetBackEndTest, delivers_over_a_link_when_the_link_says) {
    FrontEnd far{*this, 3, with([](auto& parameters) {
                     parameters.up =
                         make_link("link", {{"bandwidth_kbit_per_s", 8000}, {"latency_us", 100}});
                     parameters.down = make_link("link", {{"latency_us", 50}});
                 })};
    connect();
    far.connect();
    const Packet packet = ethernet(mac_of(1), mac_of(3), 0x88b5, 986);
    far.send(packet);
    far.send(packet);
    driver_domain.pass(1100us - 1ns);
    EXPECT_EQ(one.receive().size(), 0u);
    driver_domain.pass(1ns);
    EXPECT_EQ(one.receive().size(), 1u);
    driver_domain.pass(1ms - 1ns);
    EXPECT_EQ(one.receive().size(), 0u);
    driver_domain.pass(1ns);
    EXPECT_EQ(one.receive().size(), 1u);

    one.send(ethernet(mac_of(3), mac_of(1), 0x88b5));
    driver_domain.pass(50us - 1ns);
    EXPECT_EQ(far.receive().size(), 0u);
    driver_domain.pass(1ns);
    EXPECT_EQ(far.receive().size(), 1u);
}

TEST_F(NetBackEndTest, links_carry_large_packets_as_frames) {
    FrontEnd far{*this, 3, with([](auto& parameters) { parameters.up = make_link("link"); })};
    connect();
    far.connect();
    const Tcp tcp{.payload = 10'000};
    far.send(blank_packet(tcp, mac_of(1), mac_of(3)), blank,
             FrontEnd::gso(XEN_NETIF_GSO_TYPE_TCPV4, 1448));
    driver_domain.pass(0ns);
    const auto got = one.receive();
    EXPECT_EQ(got.size(), 7u);
    for (const auto& frame : got) EXPECT_TRUE(has_right_checksums(frame.bytes, tcp));
}

}  // namespace
}  // namespace ring3::net
