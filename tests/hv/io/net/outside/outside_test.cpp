// SPDX-License-Identifier: MIT
// What leads to the outside, as far as it can be seen without one.
#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "hv/base/errors.hpp"
#include "hv/io/host_poll.hpp"
#include "hv/io/net/networks.hpp"
#include "hv/io/net/outside/dhcp.hpp"
#include "hv/io/net/outside/nat.hpp"
#include "tests/hv/io/fake_driver_domain.hpp"
#include "tests/hv/io/net/packets.hpp"

namespace ring3::net {
namespace {

using ::testing::HasSubstr;

TEST(HostForward, is_read_in_all_its_forms) {
    for (const auto& [text, meaning] :
         {std::pair{"tcp:8080-:80", "tcp:127.0.0.1:8080-:80"},
          {"tcp::8080-:80", "tcp:127.0.0.1:8080-:80"},
          {"tcp:127.0.0.1:2222-10.0.2.15:22", "tcp:127.0.0.1:2222-10.0.2.15:22"},
          {"udp:0.0.0.0:53-:5353", "udp:0.0.0.0:53-:5353"}}) {
        const auto forward = parse_host_forward(text);
        ASSERT_TRUE(forward) << text;
        EXPECT_EQ(to_string(*forward), meaning);
    }
}

TEST(HostForward, is_refused_when_it_is_none) {
    for (const char* text : {"", "tcp", "tcp:", "tcp:80", "tcp:80-80", "tcp:0-:80", "tcp:80-:0",
                             "tcp:65536-:80", "sctp:80-:80", "tcp:1.2.3:80-:80", "tcp:80-:80x",
                             "tcp:1.2.3.256:80-:80", "tcp:-1-:80", "tcp: 80-:80"})
        EXPECT_FALSE(parse_host_forward(text)) << text;
}

constexpr Dhcp::Network network{{0xffffff00}, {0x0a000202}, {0x0a000203},
                                {0x0a00020f}, {0x0a000211}, {{0x52, 0x55, 0x0a, 0, 2, 2}}};

/// A client's message in a UDP packet.
Packet dhcp(const Mac& client, std::uint8_t type, std::optional<std::uint32_t> wanted = {}) {
    Packet message(240);
    message[0] = message[1] = 1;
    message[2] = 6;
    set16(message, 4, 0xabcd);
    std::copy(client.octets.begin(), client.octets.end(), message.begin() + 28);
    set16(message, 236, 0x6382);
    set16(message, 238, 0x5363);
    message.insert(message.end(), {53, 1, type});
    if (wanted) {
        message.insert(message.end(), {50, 4});
        append16(message, *wanted >> 16);
        append16(message, *wanted & 0xffff);
    }
    message.push_back(255);
    Packet packet = blank_packet({.payload = message.size(), .protocol = 17}, broadcast, client);
    std::copy(message.begin(), message.end(), packet.begin() + 42);
    set16(packet, 36, 67);
    return packet;
}

struct Answer {
    int type = 0;
    std::uint32_t address = 0;
};
Answer ask(const Dhcp& server, const Packet& packet) {
    std::vector<std::byte> reply;
    EXPECT_TRUE(server.answer(bytes_of(packet), reply));
    if (reply.empty()) return {};
    const Packet got = packet_of(reply);
    EXPECT_TRUE(has_right_checksums(got, {.protocol = 17}));
    EXPECT_EQ(get16(got, 46), 0xabcdu) << "the transaction";
    EXPECT_EQ(got[42 + 240], 53);
    return {got[42 + 242], get32(got, 42 + 16)};
}

TEST(DhcpServer, gives_each_interface_the_address_that_it_has) {
    Dhcp server{network};
    ASSERT_EQ(server.lease(mac_of(1)), Ipv4{0x0a00020f});
    ASSERT_EQ(server.lease(mac_of(2)), Ipv4{0x0a000210});
    const Answer offer = ask(server, dhcp(mac_of(2), 1));
    EXPECT_EQ(offer.type, 2);
    EXPECT_EQ(offer.address, 0x0a000210u);
    EXPECT_EQ(ask(server, dhcp(mac_of(2), 3, 0x0a000210)).type, 5);
    EXPECT_EQ(ask(server, dhcp(mac_of(2), 3, 0x0a00020f)).type, 6) << "another's";
    EXPECT_EQ(ask(server, dhcp(mac_of(9), 1)).type, 0) << "nobody knows it";
}

TEST(DhcpServer, gives_addresses_again_when_there_are_no_others) {
    Dhcp server{network};
    for (std::uint8_t i = 1; i <= 3; ++i) EXPECT_TRUE(server.lease(mac_of(i)));
    EXPECT_FALSE(server.lease(mac_of(4)));
    server.release(mac_of(2));
    EXPECT_EQ(server.lease(mac_of(2)), Ipv4{0x0a000210}) << "its own is kept for it";
    server.release(mac_of(2));
    EXPECT_EQ(server.lease(mac_of(4)), Ipv4{0x0a000210});
}

TEST(DhcpServer, survives_messages_of_any_length) {
    Dhcp server{network};
    server.lease(mac_of(1));
    std::vector<std::byte> reply;
    const Packet whole = dhcp(mac_of(1), 1, 5);
    for (std::size_t payload = 0; payload < whole.size() - 42; ++payload) {
        Packet packet = blank_packet({.payload = payload, .protocol = 17}, broadcast, mac_of(1));
        std::copy_n(whole.begin() + 42, payload, packet.begin() + 42);
        set16(packet, 36, 67);
        EXPECT_TRUE(server.answer(bytes_of(packet), reply));
    }
}

class NatTest : public ::testing::Test {
protected:
    NatTest() { domain.poll = &poll; }
    std::string refusal(const std::string& bridge, const std::vector<HostForward>& forwards = {}) {
        try {
            networks.plug(bridge, mac_of(1), forwards);
        } catch (const std::runtime_error& error) {
            return error.what();
        }
        return "";
    }

    HostPoll poll;
    FakeDriverDomain domain;
    Networks networks{domain};
};

TEST_F(NatTest, answers_who_asks_for_the_gateway) {
    struct Listener final : Port {
        void receive(const Frame& frame) override { seen.push_back(packet_of(frame.bytes)); }
        std::vector<Packet> seen;
    } guest;
    const auto place = networks.plug("nat", mac_of(1), {});
    place.network.join(guest);
    Packet arp = ethernet(broadcast, mac_of(1), 0x0806, 0);
    for (const unsigned word : {1u, 0x0800u, 0x0604u, 1u}) append16(arp, word);
    const Mac sender = mac_of(1);
    arp.insert(arp.end(), sender.octets.begin(), sender.octets.end());
    for (const unsigned word : {0x0a00u, 0x020fu, 0u, 0u, 0u, 0x0a00u, 0x0202u})
        append16(arp, word);
    place.network.forward(guest, {bytes_of(arp)});
    domain.work();
    ASSERT_EQ(guest.seen.size(), 1u);
    EXPECT_EQ(get16(guest.seen[0], 20), 2u) << "a reply";
    EXPECT_EQ(get32(guest.seen[0], 28), 0x0a000202u);
    place.network.leave(guest);
}

TEST_F(NatTest, says_that_a_port_is_taken) {
    const int taken = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ASSERT_EQ(::bind(taken, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    ASSERT_EQ(::listen(taken, 1), 0);
    socklen_t length = sizeof address;
    ::getsockname(taken, reinterpret_cast<sockaddr*>(&address), &length);
    HostForward forward;
    forward.host_port = ntohs(address.sin_port);
    forward.guest_port = 80;
    EXPECT_THAT(refusal("nat", {forward}), HasSubstr("another program, or another guest, has"));
    ::close(taken);
    auto place = networks.plug("nat", mac_of(1), std::vector{forward});
    EXPECT_THAT(refusal("nat", {forward}), HasSubstr("has this port"));
    place.seat.reset();
    EXPECT_EQ(refusal("nat", {forward}), "") << "who leaves gives it back";
}

TEST_F(NatTest, does_not_exist_in_a_closed_world) {
    domain.poll = nullptr;
    EXPECT_THAT(refusal("nat"), HasSubstr("virtual time is a closed world"));
    EXPECT_THAT(refusal("tap:tap0"), HasSubstr("virtual time is a closed world"));
    EXPECT_EQ(refusal("xenbr0"), "");
}

TEST_F(NatTest, is_the_only_kind_of_bridge_with_forwarded_ports) {
    EXPECT_THAT(refusal("xenbr0", {*parse_host_forward("tcp:8080-:80")}),
                HasSubstr("bridge=nat, not bridge=xenbr0"));
}

TEST_F(NatTest, has_bridges_of_good_names_beside_it) {
    for (const char* name : {"", "a b", "0123456789012345", "x:y", "tap", "tap:", "nat:", "a/b"})
        EXPECT_THAT(refusal(name), HasSubstr("must be the name of a bridge")) << name;
    EXPECT_EQ(&networks.plug("lan", mac_of(1), {}).network,
              &networks.plug("lan", mac_of(2), {}).network);
    EXPECT_NE(&networks.plug("nat:one", mac_of(1), {}).network,
              &networks.plug("nat:two", mac_of(2), {}).network);
}

}  // namespace
}  // namespace ring3::net
