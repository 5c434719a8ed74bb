// SPDX-License-Identifier: MIT
#include "cli/foreground.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <string>
#include <string_view>

#include <fcntl.h>
#include <pty.h>
#include <termios.h>
#include <unistd.h>

namespace ring3 {
namespace {

using namespace std::chrono_literals;

class ForegroundTest : public ::testing::Test {
protected:
    ForegroundTest() { poll.add(foreground); }

    struct Pipe {
        Pipe() { EXPECT_EQ(pipe(ends), 0); }
        ~Pipe() {
            close(ends[0]);
            close(ends[1]);
        }
        int& operator[](int end) { return ends[end]; }
        int ends[2];
    };
    void type(std::string_view text) {
        EXPECT_EQ(write(input[1], text.data(), text.size()), static_cast<ssize_t>(text.size()));
    }
    /// A guest with room for `room` bytes each time it is asked.
    void attach(bool is_terminal, std::size_t room = 1024) {
        foreground.attach_input(
            [this, room](std::span<const std::byte> bytes) {
                const std::size_t count = std::min(room, bytes.size());
                typed.append(reinterpret_cast<const char*>(bytes.data()), count);
                return count;
            },
            is_terminal);
    }

    Pipe input, output;
    StopSignals signals;
    Foreground foreground{signals, input[0], output[1]};
    HostPoll poll;
    std::string typed;
};

TEST_F(ForegroundTest, hands_over_what_arrives) {
    attach(false);
    poll.poll(0ms);
    EXPECT_EQ(typed, "");
    type("hello\n");
    poll.poll(0ms);
    EXPECT_EQ(typed, "hello\n");
    EXPECT_FALSE(foreground.wants_stop());
}

TEST_F(ForegroundTest, keeps_what_the_guest_has_no_room_for) {
    attach(false, 4);
    type("hello\n");
    poll.poll(0ms);
    EXPECT_EQ(typed, "hell");
    poll.poll(0ms);
    EXPECT_EQ(typed, "hello\n");
}

TEST_F(ForegroundTest, goes_on_after_the_end_of_input) {
    attach(false);
    type("last");
    close(input[1]);
    input[1] = dup(input[0]);
    poll.poll(0ms);
    poll.poll(0ms);
    EXPECT_EQ(typed, "last");
    EXPECT_FALSE(foreground.wants_stop());
    const auto began = std::chrono::steady_clock::now();
    poll.poll(20ms);
    EXPECT_GE(std::chrono::steady_clock::now() - began, 15ms) << "an ended input must not wake";
}

TEST_F(ForegroundTest, leaves_by_its_key_on_a_terminal_only) {
    attach(false);
    type("a\x1d");
    poll.poll(0ms);
    EXPECT_EQ(typed, "a\x1d");
    EXPECT_FALSE(foreground.wants_stop());

    attach(true);
    type(
        "b\x1d"
        "c");
    poll.poll(0ms);
    EXPECT_EQ(typed,
              "a\x1d"
              "b");
    EXPECT_TRUE(foreground.wants_stop());
    EXPECT_TRUE(foreground.has_left());
}

TEST_F(ForegroundTest, wakes_when_input_arrives) {
    attach(false);
    type("x");
    const auto began = std::chrono::steady_clock::now();
    poll.poll(10s);
    EXPECT_LT(std::chrono::steady_clock::now() - began, 5s);
}

TEST_F(ForegroundTest, shows_all_of_it) {
    const std::string text(1000, 'z');
    foreground.show(std::as_bytes(std::span{text}));
    std::string seen(2000, '\0');
    EXPECT_EQ(read(output[0], seen.data(), seen.size()), 1000);
}

TEST_F(ForegroundTest, wants_to_stop_when_nobody_can_see_the_output) {
    close(output[0]);
    output[0] = dup(input[0]);
    const std::string text = "into the void";
    foreground.show(std::as_bytes(std::span{text}));
    EXPECT_TRUE(foreground.wants_stop());
    EXPECT_EQ(foreground.output_error(), EPIPE);
}

TEST_F(ForegroundTest, wants_to_stop_and_wakes_at_a_signal) {
    raise(SIGTERM);
    EXPECT_TRUE(foreground.wants_stop());
    EXPECT_EQ(StopSignals::received(), SIGTERM);
    const auto began = std::chrono::steady_clock::now();
    poll.poll(10s);
    EXPECT_LT(std::chrono::steady_clock::now() - began, 5s);
}

TEST_F(ForegroundTest, gives_up_showing_into_a_stuck_reader_at_a_signal) {
    raise(SIGINT);
    fcntl(output[1], F_SETFL, O_NONBLOCK);
    const std::string text(1 << 20, 'z');
    foreground.show(std::as_bytes(std::span{text}));
    SUCCEED() << "came back";
}

class PseudoTerminal : public ::testing::Test {
protected:
    PseudoTerminal() { EXPECT_EQ(openpty(&master, &slave, nullptr, nullptr, nullptr), 0); }
    ~PseudoTerminal() override {
        close(master);
        close(slave);
    }
    bool is_canonical() const {
        termios mode{};
        tcgetattr(master, &mode);
        return (mode.c_lflag & ICANON) != 0;
    }
    int master = -1, slave = -1;
};

TEST_F(PseudoTerminal, is_raw_for_the_life_of_the_object) {
    EXPECT_TRUE(is_canonical());
    {
        const RawTerminal terminal(slave);
        EXPECT_TRUE(terminal.is_raw());
        EXPECT_FALSE(is_canonical());
    }
    EXPECT_TRUE(is_canonical());
}

TEST_F(PseudoTerminal, is_restored_when_the_process_is_killed_or_aborts) {
    for (const int signal : {SIGTERM, SIGABRT, SIGSEGV, SIGQUIT}) {
        EXPECT_EXIT(
            {
                const StopSignals signals;
                const RawTerminal terminal(slave);
                if (is_canonical()) _exit(1);
                // The second one ends the process at once.
                raise(signal);
                raise(signal);
            },
            [signal](int status) {
                return signal == SIGTERM ? WIFEXITED(status) && WEXITSTATUS(status) == 143
                                         : WIFSIGNALED(status) && WTERMSIG(status) == signal;
            },
            "");
        EXPECT_TRUE(is_canonical()) << signal;
    }
}

TEST(RawTerminal, leaves_alone_what_is_no_terminal) {
    int ends[2];
    ASSERT_EQ(pipe(ends), 0);
    EXPECT_FALSE(RawTerminal(ends[0]).is_raw());
    close(ends[0]);
    close(ends[1]);
}

}  // namespace
}  // namespace ring3
