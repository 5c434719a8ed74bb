// SPDX-License-Identifier: MIT
#include "hv/io/console/console.hpp"

#include <gtest/gtest.h>

#include <string>

#include "hv/abi/console_ring.hpp"

namespace ring3 {
namespace {

class ConsoleTest : public ::testing::Test {
protected:
    ConsoleTest() {
        console.set_sink([this](std::span<const std::byte> bytes) {
            shown.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
        });
    }
    abi::ConsoleRing& ring() { return *reinterpret_cast<abi::ConsoleRing*>(frames.at(page).host); }
    void print(std::string_view text) {
        for (const char c : text) {
            ring().out[ring().out_prod % sizeof ring().out] = c;
            ring().out_prod = ring().out_prod + 1;
        }
    }
    std::size_t type(std::string_view text) {
        return console.offer_input(std::as_bytes(std::span{text}));
    }
    std::string read() {
        std::string text;
        while (ring().in_cons != ring().in_prod) {
            text.push_back(ring().in[ring().in_cons % sizeof ring().in]);
            ring().in_cons = ring().in_cons + 1;
        }
        return text;
    }

    FrameTable frames{Frames{16}};
    Mfn page = *frames.allocate(DomainId{1});
    int kicks = 0;
    Console console{frames, page, [this] { ++kicks; }};
    std::string shown;
};

TEST_F(ConsoleTest, shows_what_the_guest_prints_and_tells_it_of_the_room) {
    print("hello\n");
    console.drain();
    EXPECT_EQ(shown, "hello\n");
    EXPECT_EQ(ring().out_cons, ring().out_prod);
    EXPECT_EQ(kicks, 1);
    console.drain();
    EXPECT_EQ(kicks, 1) << "nothing new, nothing to tell";
}

TEST_F(ConsoleTest, follows_the_indices_around_the_ring_and_around_32_bits) {
    ring().out_cons = ring().out_prod = 0xffff'fffc;
    print("wraps around");
    console.drain();
    EXPECT_EQ(shown, "wraps around");
}

TEST_F(ConsoleTest, takes_a_full_ring_at_once) {
    print(std::string(2048, 'x'));
    console.drain();
    EXPECT_EQ(shown.size(), 2048u);
}

TEST_F(ConsoleTest, takes_nothing_while_the_indices_are_impossible) {
    ring().out_prod = 2049;
    console.drain();
    EXPECT_EQ(shown, "");
    ring().out_prod = 0xffff'ffff;
    console.drain();
    EXPECT_EQ(shown, "");
    ring().out_prod = 3;
    console.drain();
    EXPECT_EQ(shown.size(), 3u) << "the guest repaired them";
}

TEST_F(ConsoleTest, hands_input_over_as_far_as_there_is_room) {
    const std::string text(1500, 'y');
    EXPECT_EQ(type(text), 1024u);
    EXPECT_EQ(type("more"), 0u);
    EXPECT_FALSE(console.has_read_all());
    EXPECT_EQ(read(), text.substr(0, 1024));
    EXPECT_TRUE(console.has_read_all());
    EXPECT_EQ(type("more"), 4u);
    EXPECT_EQ(read(), "more");
    EXPECT_EQ(kicks, 2);
}

TEST_F(ConsoleTest, hands_over_nothing_while_the_indices_are_impossible) {
    ring().in_prod = 5000;
    EXPECT_EQ(type("x"), 0u);
    EXPECT_EQ(kicks, 0);
}

TEST_F(ConsoleTest, is_connected_once_the_guest_has_printed) {
    EXPECT_FALSE(console.is_connected());
    print("x");
    console.drain();
    EXPECT_TRUE(console.is_connected());
}

}  // namespace
}  // namespace ring3
