// SPDX-License-Identifier: MIT
#include "hv/machine/record/outside_inputs.hpp"

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <unistd.h>

#include <fmt/format.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "hv/base/errors.hpp"
#include "tests/support/small_guest.hpp"

namespace ring3 {
namespace {

using namespace test;
using namespace std::chrono_literals;
using ::testing::HasSubstr;

class RecordTest : public ::testing::Test {
protected:
    RecordTest() { std::filesystem::create_directories(folder); }
    ~RecordTest() override { std::filesystem::remove_all(folder); }

    /// A run whose guest echoes; the outside types "hello" and "q" whenever it is asked, as fast as
    /// it is taken. Answers the digest at the end.
    std::string run(const Machine::Recording& recording, bool types,
                    const char* setting = "machine.memory_mib=64") {
        MachineConfig config = small_machine();
        config.set(setting);
        Patient outside;
        Machine machine(std::move(config), outside, {}, recording);
        Guest& guest = machine.add_guest(small_guest(echoes()));
        std::string typed = types ? text : "";
        const auto offer = [&] {
            const auto bytes = std::as_bytes(std::span{typed});
            typed.erase(0,
                        machine.type(guest, bytes.first(std::min<std::size_t>(2, bytes.size()))));
        };
        outside.on_wait = outside.on_look = offer;
        end = machine.run();
        return machine.digest();
    }
    static std::string refusal(const auto& action) {
        try {
            action();
        } catch (const std::runtime_error& error) {
            return error.what();
        }
        return "was accepted";
    }
    std::filesystem::path write(const std::string& content) const {
        const auto path = folder / "given.record";
        std::ofstream(path) << content;
        return path;
    }

    const std::filesystem::path folder =
        std::filesystem::temp_directory_path() / fmt::format("ring3-record-{}", ::getpid());
    const std::filesystem::path file = folder / "run.record";
    std::string text = "hello\nq";
    Machine::End end{};
};

TEST_F(RecordTest, replays_to_the_same_digest) {
    const std::string digest = run({.record = file, .replay = {}}, true);
    EXPECT_EQ(end, Machine::End::guests_ended);
    EXPECT_EQ(run({.record = {}, .replay = file}, false), digest);
    EXPECT_EQ(end, Machine::End::guests_ended);
    EXPECT_EQ(run({.record = {}, .replay = file}, true), digest) << "what is typed now is nothing";
    EXPECT_EQ(run({.record = {}, .replay = file}, false, "engine.block_limit=1"), digest);
}

TEST_F(RecordTest, replays_where_several_instructions_share_a_nanosecond) {
    constexpr const char* fast = "clock.instruction_ps=130";
    const std::string digest = run({.record = file, .replay = {}}, true, fast);
    EXPECT_EQ(run({.record = {}, .replay = file}, false, fast), digest);
}

TEST_F(RecordTest, is_of_one_machine_and_its_guests) {
    run({.record = file, .replay = {}}, true);
    const auto other = [&] {
        run({.record = {}, .replay = file}, false, "clock.instruction_ps=900");
    };
    EXPECT_THAT(refusal(other), HasSubstr("is the record of another run"));
}

TEST_F(RecordTest, holds_what_came_before_a_kill) {
    const std::string digest = run({.record = file, .replay = {}}, true);
    std::ofstream(file, std::ios::app) << R"({"ns": 99999999, "sou)";
    EXPECT_EQ(run({.record = {}, .replay = file}, false), digest);
}

TEST_F(RecordTest, says_when_the_replay_leaves_it) {
    run({.record = file, .replay = {}}, true);
    std::ofstream(file, std::ios::app)
        << R"({"ns": 200000000, "source": "console/9", "bytes": "00"})" << '\n';
    // Without the last line typed, the guest is still there at the time of the foreign one.
    std::ifstream in(file);
    std::vector<std::string> lines;
    for (std::string line; std::getline(in, line);) lines.push_back(line);
    lines.erase(lines.end() - 2);
    std::string content;
    for (const std::string& line : lines) content += line + "\n";
    const auto path = write(content);
    EXPECT_THROW(run({.record = {}, .replay = path}, false), DeterminismError);
}

TEST_F(RecordTest, names_the_line_of_what_is_no_record) {
    const auto replay = [&](const std::string& content) {
        const auto path = write(content);
        return refusal([&] { RecordReader reader(path); });
    };
    const std::string first = R"({"ring3_record": 1, "identity": "x"})"
                              "\n";
    EXPECT_THAT(replay(""), HasSubstr("it is empty"));
    EXPECT_THAT(replay("hello\n"), HasSubstr("given.record:1: not a line of a ring3 record"));
    EXPECT_THAT(replay(R"({"ring3_record": 2, "identity": "x"})"
                       "\n"),
                HasSubstr("version"));
    EXPECT_THAT(replay(first + R"({"ns": 5, "source": "a", "bytes": "0g"})"
                               "\n"),
                HasSubstr(":2: \"bytes\" are no hexadecimal digits"));
    EXPECT_THAT(replay(first +
                       R"({"ns": 5, "source": "a", "bytes": ""})"
                       "\n" +
                       R"({"ns": 4, "source": "a", "bytes": ""})"
                       "\n"),
                HasSubstr(":3: its time is before"));
    EXPECT_THAT(refusal([&] { RecordReader reader(folder / "none"); }), HasSubstr("cannot read"));
}

TEST_F(RecordTest, needs_virtual_time) {
    EXPECT_THAT(refusal([&] { run({.record = file, .replay = {}}, false, "clock.name=wall"); }),
                HasSubstr("--clock virtual"));
    EXPECT_THAT(refusal([&] { run({.record = file, .replay = file}, false); }),
                HasSubstr("not both"));
}

TEST_F(RecordTest, ends_a_replay_where_the_recorded_run_was_ended) {
    const auto stopped = [&](const Machine::Recording& recording) {
        Patient outside;
        Machine machine(small_machine(), outside, {}, recording);
        machine.add_guest(small_guest(spins()));
        int looks = 0;
        if (!recording.record.empty()) outside.on_look = [&] { outside.stop = ++looks == 5; };
        EXPECT_EQ(machine.run(), Machine::End::stopped);
        return machine.digest();
    };
    const std::string digest = stopped({.record = file, .replay = {}});
    EXPECT_EQ(stopped({.record = {}, .replay = file}), digest);
}

}  // namespace
}  // namespace ring3
