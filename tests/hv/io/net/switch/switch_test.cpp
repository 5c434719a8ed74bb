// SPDX-License-Identifier: MIT
#include "hv/io/net/switch/switch.hpp"

#include <gtest/gtest.h>

#include "tests/hv/io/fake_driver_domain.hpp"
#include "tests/hv/io/net/packets.hpp"

namespace ring3::net {
namespace {

struct Listener final : Port {
    void receive(const Frame& frame) override { seen.push_back(packet_of(frame.bytes)); }
    /// How many since the last time.
    std::size_t take() { return std::exchange(seen, {}).size(); }
    std::vector<Packet> seen;
};

class SwitchTest : public ::testing::Test {
protected:
    SwitchTest() {
        for (Listener& port : ports) network.join(port);
    }
    /// Who got the frame, by number.
    std::vector<std::size_t> send(std::size_t from, const Mac& source, const Mac& destination) {
        network.forward(ports[from], {bytes_of(ethernet(destination, source, 0x0800))});
        std::vector<std::size_t> got;
        for (std::size_t i = 0; i < std::size(ports); ++i)
            if (ports[i].take() != 0) got.push_back(i);
        return got;
    }
    using Ports = std::vector<std::size_t>;

    FakeDriverDomain domain;
    Switch network{domain, "xenbr0"};
    Listener ports[4];
};

TEST_F(SwitchTest, floods_what_is_for_nobody_it_knows) {
    EXPECT_EQ(send(1, mac_of(1), mac_of(2)), (Ports{0, 2, 3}));
    EXPECT_EQ(send(1, mac_of(1), broadcast), (Ports{0, 2, 3}));
    EXPECT_EQ(send(1, mac_of(1), {{1, 0, 0x5e, 0, 0, 1}}), (Ports{0, 2, 3}));
}

TEST_F(SwitchTest, learns_where_senders_are_and_when_they_move) {
    send(2, mac_of(2), broadcast);
    EXPECT_EQ(send(1, mac_of(1), mac_of(2)), (Ports{2}));
    send(3, mac_of(2), broadcast);
    EXPECT_EQ(send(1, mac_of(1), mac_of(2)), (Ports{3}));
    EXPECT_EQ(send(3, mac_of(9), mac_of(2)), (Ports{})) << "it is where it comes from";
}

TEST_F(SwitchTest, forgets_who_was_silent_for_long) {
    send(2, mac_of(2), broadcast);
    domain.pass(Switch::ageing_time);
    EXPECT_EQ(send(1, mac_of(1), mac_of(2)), (Ports{2}));
    domain.pass(Duration{1});
    EXPECT_EQ(send(1, mac_of(1), mac_of(2)), (Ports{0, 2, 3}));
}

TEST_F(SwitchTest, forgets_what_was_behind_a_port_that_leaves) {
    send(2, mac_of(2), broadcast);
    network.leave(ports[2]);
    EXPECT_EQ(send(1, mac_of(1), mac_of(2)), (Ports{0, 3}));
}

TEST_F(SwitchTest, does_not_let_one_port_crowd_out_the_others) {
    send(2, mac_of(2), broadcast);
    for (std::size_t i = 0; i < 2 * Switch::most_addresses_per_port; ++i) {
        const Mac made_up{
            {2, 0, 0, 0, static_cast<std::uint8_t>(i >> 8), static_cast<std::uint8_t>(i)}};
        send(3, made_up, broadcast);
    }
    EXPECT_EQ(send(1, mac_of(1), mac_of(2)), (Ports{2}));
    EXPECT_EQ(send(2, mac_of(2), mac_of(1)), (Ports{1}));
    EXPECT_EQ(send(2, mac_of(2), {{2, 0, 0, 0, 0, 0}}), (Ports{3}));
    EXPECT_EQ(send(2, mac_of(2), {{2, 0, 0, 0, 1, 0xff}}), (Ports{0, 1, 3}));
    domain.pass(Switch::ageing_time + Duration{1});
    send(3, mac_of(7), broadcast);
    EXPECT_EQ(send(1, mac_of(1), mac_of(7)), (Ports{3})) << "old ones make room";
}

TEST_F(SwitchTest, passes_nothing_on_that_is_for_bridges_or_from_a_group) {
    EXPECT_EQ(send(1, mac_of(1), {{0x01, 0x80, 0xc2, 0, 0, 0x0e}}), (Ports{}));
    EXPECT_EQ(send(1, broadcast, mac_of(2)), (Ports{}));
    const Packet too_short(13);
    network.forward(ports[0], {bytes_of(too_short)});
    EXPECT_EQ(ports[1].take(), 0u);
}

}  // namespace
}  // namespace ring3::net
