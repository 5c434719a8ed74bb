// SPDX-License-Identifier: MIT
#include "hv/io/host_poll.hpp"

#include <chrono>
#include <functional>

#include <unistd.h>

#include <gtest/gtest.h>

namespace ring3 {
namespace {

using namespace std::chrono_literals;

/// Waits for one end of a pipe.
class Reader final : public Pollable {
public:
    Reader() { EXPECT_EQ(pipe(ends), 0); }
    ~Reader() override {
        close(ends[0]);
        close(ends[1]);
    }
    void prepare(std::vector<pollfd>& descriptors, Duration& at_most) override {
        descriptors.push_back({ends[0], POLLIN, 0});
        at_most = std::min(at_most, wants_turn_after);
    }
    void dispatch(std::span<const pollfd> descriptors) override {
        ++turns;
        EXPECT_EQ(descriptors.size(), 1u);
        EXPECT_EQ(descriptors[0].fd, ends[0]);
        if ((descriptors[0].revents & POLLIN) == 0) return;
        char byte = 0;
        EXPECT_EQ(read(ends[0], &byte, 1), 1);
        ++bytes;
        if (on_byte) on_byte();
    }
    void send() { EXPECT_EQ(write(ends[1], "x", 1), 1); }

    int ends[2]{};
    int turns = 0, bytes = 0;
    Duration wants_turn_after = Duration::max();
    std::function<void()> on_byte;
};

TEST(HostPoll, gives_each_its_own_descriptors) {
    HostPoll poll;
    Reader first, second;
    poll.add(first);
    poll.add(second);
    second.send();
    EXPECT_TRUE(poll.is_calling());
    poll.poll(0ms);
    EXPECT_EQ(first.bytes, 0);
    EXPECT_EQ(second.bytes, 1);
    EXPECT_EQ(first.turns, 1) << "a turn also when nothing happened";
    EXPECT_FALSE(poll.is_calling());
    poll.remove(first);
    poll.remove(second);
}

TEST(HostPoll, sleeps_until_something_comes_and_no_longer_than_somebody_wants) {
    HostPoll poll;
    Reader reader;
    poll.add(reader);
    reader.send();
    const auto began = std::chrono::steady_clock::now();
    poll.poll(10s);
    reader.wants_turn_after = 5ms;
    poll.poll(10s);
    EXPECT_LT(std::chrono::steady_clock::now() - began, 5s);
    EXPECT_EQ(reader.turns, 2);
    reader.wants_turn_after = 0ms;
    EXPECT_TRUE(poll.is_calling()) << "somebody's time has come";
    poll.remove(reader);
}

TEST(HostPoll, lets_somebody_leave_and_join_in_a_turn) {
    HostPoll poll;
    Reader first, second, third;
    first.on_byte = [&] {
        poll.remove(first);
        poll.remove(second);
        poll.add(third);
    };
    for (Reader* reader : {&first, &second}) poll.add(*reader);
    for (Reader* reader : {&first, &second, &third}) reader->send();
    poll.poll(0ms);
    EXPECT_EQ(second.turns, 0);
    EXPECT_EQ(third.turns, 0) << "its first turn is in the next poll";
    poll.poll(0ms);
    EXPECT_EQ(third.bytes, 1);
    EXPECT_EQ(first.turns, 1);
    poll.remove(third);
}

}  // namespace
}  // namespace ring3
