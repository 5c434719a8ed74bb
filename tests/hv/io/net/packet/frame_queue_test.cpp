// SPDX-License-Identifier: MIT
#include "hv/io/net/packet/frame_queue.hpp"

#include <gtest/gtest.h>

#include <deque>

#include "hv/base/random.hpp"
#include "tests/hv/io/net/packets.hpp"

namespace ring3::net {
namespace {

TEST(FrameQueue, gives_back_what_was_put_in_with_all_that_was_said_of_it) {
    FrameQueue queue{1000};
    const Packet packet = ethernet(mac_of(2), mac_of(1), 0x0806);
    ASSERT_TRUE(
        queue.push({bytes_of(packet), Checksum::blank, Gso::tcpv6, 1400}, Time{Duration{5}}));
    const Frame frame = queue.front();
    EXPECT_EQ(packet_of(frame.bytes), packet);
    EXPECT_EQ(frame.checksum, Checksum::blank);
    EXPECT_EQ(frame.gso, Gso::tcpv6);
    EXPECT_EQ(frame.segment_size, 1400);
    EXPECT_EQ(queue.front_due(), Time{Duration{5}});
    queue.pop();
    EXPECT_TRUE(queue.is_empty());
}

TEST(FrameQueue, takes_no_more_when_it_has_its_bytes) {
    FrameQueue queue{150};
    const Packet packet(100);
    EXPECT_TRUE(queue.push({bytes_of(packet)}));
    EXPECT_TRUE(queue.push({bytes_of(packet)})) << "it was not full before";
    EXPECT_FALSE(queue.push({bytes_of(packet)}));
    queue.pop();
    EXPECT_TRUE(queue.push({bytes_of(packet)}));
}

/// Against std::deque, with sizes that make it wrap and grow at odd places.
TEST(FrameQueue, keeps_any_frames_in_their_order) {
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
        Random random{seed};
        FrameQueue queue{1 << 20};
        std::deque<Packet> expected;
        for (int i = 0; i < 20'000; ++i) {
            const bool grows = random.chance(i / 1000 % 2 == 0 ? 60 : 45, 100);
            if (grows) {
                Packet packet(random.below(random.chance(1, 10) ? 65'536 : 2000));
                for (std::size_t at = 0; at < packet.size(); at += 97)
                    packet[at] = static_cast<std::uint8_t>(random.next());
                if (queue.push({bytes_of(packet)})) expected.push_back(packet);
            } else if (!expected.empty()) {
                ASSERT_EQ(packet_of(queue.front().bytes), expected.front()) << seed << " " << i;
                queue.pop();
                expected.pop_front();
            }
            ASSERT_EQ(queue.count(), expected.size());
        }
    }
}

}  // namespace
}  // namespace ring3::net
