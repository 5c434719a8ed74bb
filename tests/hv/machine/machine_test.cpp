// SPDX-License-Identifier: MIT
#include "hv/machine/machine.hpp"

#include <filesystem>

#include <unistd.h>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "hv/abi/sched.hpp"
#include "hv/base/errors.hpp"
#include "tests/support/small_guest.hpp"

namespace ring3 {
namespace {

using namespace test;
using namespace std::chrono_literals;
using ::testing::HasSubstr;

class MachineTest : public ::testing::Test {
protected:
    GuestSpec showing(GuestSpec spec) {
        spec.show = [this](std::span<const std::byte> bytes) {
            shown.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
        };
        return spec;
    }
    std::string digest_of(const GuestSpec& spec, const char* setting = "machine.memory_mib=64") {
        MachineConfig config = small_machine();
        config.set(setting);
        Machine own(std::move(config), outside, {});
        own.add_guest(spec);
        own.run();
        return own.digest();
    }

    Patient outside;
    std::string shown;
    Machine machine{small_machine(), outside, {}};
};

TEST_F(MachineTest, runs_a_guest_until_it_shuts_down) {
    Guest& guest = machine.add_guest(small_guest(shuts_down(SHUTDOWN_poweroff)));
    EXPECT_TRUE(guest.is_alive());
    EXPECT_EQ(machine.run(), Machine::End::guests_ended);
    EXPECT_EQ(guest.shutdown_reason(), std::uint32_t{SHUTDOWN_poweroff});
    EXPECT_FALSE(guest.has_crashed());
    EXPECT_EQ(machine.retired(), 5u);
    EXPECT_EQ(machine.time(), Time{5ns});
}

TEST_F(MachineTest, tells_a_crash_from_a_shutdown) {
    Guest& guest = machine.add_guest(small_guest(crashes()));
    EXPECT_EQ(machine.run(), Machine::End::guests_ended);
    EXPECT_TRUE(guest.has_crashed());
}

TEST_F(MachineTest, shows_what_a_guest_printed_without_telling_and_before_it_ends) {
    machine.add_guest(showing(small_guest(prints('A'))));
    machine.run();
    EXPECT_EQ(shown, "A");
}

TEST_F(MachineTest, starts_a_guest_again_when_it_reboots) {
    Guest& guest = machine.add_guest(showing(small_guest(shuts_down(SHUTDOWN_reboot))));
    const Frames free_at_first = machine.free_frames();
    outside.stop_when = [&] { return guest.domain()->id() == DomainId{4}; };
    EXPECT_EQ(machine.run(), Machine::End::stopped);
    EXPECT_EQ(machine.free_frames(), free_at_first);
}

TEST_F(MachineTest, does_with_an_ended_guest_what_its_config_says) {
    GuestSpec spec = small_guest(shuts_down(SHUTDOWN_reboot));
    spec.config.on_reboot = OnShutdown::destroy;
    machine.add_guest(std::move(spec));
    EXPECT_EQ(machine.run(), Machine::End::guests_ended);

    Machine other(small_machine(), outside, {});
    spec = small_guest(crashes());
    spec.config.on_crash = OnShutdown::restart;
    Guest& guest = other.add_guest(std::move(spec));
    outside.stop_when = [&] { return guest.domain()->id() == DomainId{3}; };
    EXPECT_EQ(other.run(), Machine::End::stopped);
}

TEST_F(MachineTest, writes_a_core_of_a_guest_that_crashed_when_told_so) {
    const auto folder =
        std::filesystem::temp_directory_path() / fmt::format("ring3-cores-{}", ::getpid());
    std::filesystem::create_directories(folder);
    machine.set_core_folder(folder);
    GuestSpec spec = small_guest(crashes());
    spec.config.on_crash = OnShutdown::coredump_destroy;
    machine.add_guest(std::move(spec));
    EXPECT_EQ(machine.run(), Machine::End::guests_ended);
    std::vector<std::string> cores;
    for (const auto& entry : std::filesystem::directory_iterator(folder))
        cores.push_back(entry.path().filename().string());
    ASSERT_EQ(cores.size(), 1u);
    EXPECT_EQ(cores.front(), "2000-0101-0000.00-small.1.core") << "the date is virtual";
    std::filesystem::remove_all(folder);
}

TEST_F(MachineTest, keeps_the_old_one_under_another_name_when_told_so) {
    GuestSpec spec = small_guest(shuts_down(SHUTDOWN_reboot));
    spec.config.on_reboot = OnShutdown::rename_restart;
    Guest& first = machine.add_guest(std::move(spec));
    const Frames free_with_one = machine.free_frames();
    outside.stop_when = [&] { return machine.free_frames() < free_with_one; };
    EXPECT_EQ(machine.run(), Machine::End::stopped);
    EXPECT_EQ(first.name(), "small-1");
    EXPECT_FALSE(first.is_alive());
    EXPECT_NE(first.domain(), nullptr);
}

TEST_F(MachineTest, stops_a_guest_that_never_lets_go) {
    machine.add_guest(small_guest(spins()));
    int asked = 0;
    outside.stop_when = [&] { return ++asked > 10; };
    EXPECT_EQ(machine.run(), Machine::End::stopped);
    EXPECT_GT(machine.retired(), 1'000'000u);
}

TEST_F(MachineTest, says_so_when_nothing_can_ever_happen_again) {
    Guest& guest = machine.add_guest(small_guest(sleeps()));
    EXPECT_EQ(machine.run(), Machine::End::stuck);
    EXPECT_TRUE(guest.is_alive());
    EXPECT_TRUE(outside.waits.empty()) << "virtual time does not pass by waiting";
}

TEST_F(MachineTest, waits_for_the_outside_when_nobody_can_run_under_the_wall_clock) {
    MachineConfig config = small_machine();
    config.choose("clock", "wall", "test");
    Machine real(std::move(config), outside, {});
    real.add_guest(small_guest(sleeps()));
    outside.on_wait = [&] { outside.stop = outside.waits.size() == 3; };
    EXPECT_EQ(real.run(), Machine::End::stopped);
}

TEST_F(MachineTest, runs_nothing_of_a_guest_that_starts_paused) {
    GuestSpec spec = small_guest(shuts_down(0));
    spec.starts_paused = true;
    Guest& guest = machine.add_guest(std::move(spec));
    EXPECT_EQ(machine.run(), Machine::End::stuck);
    EXPECT_EQ(machine.retired(), 0u);
    guest.domain()->unpause();
    EXPECT_EQ(machine.run(), Machine::End::guests_ended);
}

TEST_F(MachineTest, runs_several_guests_side_by_side) {
    Guest& first = machine.add_guest(small_guest(spins(), "first"));
    machine.add_guest(showing(small_guest(prints('B'), "second")));
    outside.stop_when = [&] { return !shown.empty(); };
    EXPECT_EQ(machine.run(), Machine::End::stopped);
    EXPECT_EQ(shown, "B");
    EXPECT_TRUE(first.is_alive());
}

TEST_F(MachineTest, takes_an_ended_guest_away_while_others_go_on) {
    machine.add_guest(small_guest(spins(), "first"));
    Guest& second = machine.add_guest(small_guest(shuts_down(0), "second"));
    outside.stop_when = [&] { return second.domain() == nullptr; };
    EXPECT_EQ(machine.run(), Machine::End::stopped);
    EXPECT_EQ(second.shutdown_reason(), std::uint32_t{SHUTDOWN_poweroff});
}

TEST_F(MachineTest, types_scripted_input_line_by_line_when_the_console_is_quiet) {
    GuestSpec spec = showing(small_guest(echoes()));
    const std::string text = "one\ntwo\nq\n";
    const auto bytes = std::as_bytes(std::span{text});
    spec.scripted_input.assign(bytes.begin(), bytes.end());
    machine.add_guest(std::move(spec));
    EXPECT_EQ(machine.run(), Machine::End::guests_ended);
    EXPECT_EQ(shown, ">one\ntwo\nq");
    // The silence, and up to a slice until the echo is seen.
    EXPECT_GT(machine.time(), Time{3 * 5ms});
    EXPECT_LT(machine.time(), Time{3 * (5ms + 10ms + 10ms)});
}

TEST_F(MachineTest, repeats_bit_for_bit_under_the_virtual_clock) {
    GuestSpec spec = small_guest(echoes());
    spec.scripted_input = {std::byte{'a'}, std::byte{'\n'}, std::byte{'q'}, std::byte{'\n'}};
    const std::string digest = digest_of(spec);
    EXPECT_EQ(digest.size(), 64u);
    EXPECT_EQ(digest_of(spec), digest);
    EXPECT_EQ(digest_of(spec, "engine.block_limit=1"), digest);
    EXPECT_EQ(digest_of(spec, "engine.block_limit=5"), digest);
    EXPECT_NE(digest_of(spec, "clock.instruction_ps=900"), digest) << "another time";
    spec.scripted_input.front() = std::byte{'b'};
    EXPECT_NE(digest_of(spec), digest) << "another input, left in memory";
}

TEST_F(MachineTest, refuses_what_does_not_exist_with_its_place) {
    const auto refusal = [&](const char* setting) -> std::string {
        MachineConfig config = small_machine();
        config.set(setting);
        try {
            Machine refused(std::move(config), outside, {});
        } catch (const ConfigError& error) {
            return error.what();
        }
        return "was accepted";
    };
    EXPECT_THAT(refusal("scheduler.name=round_robbin"),
                HasSubstr("--set scheduler.name: there is no scheduler \"round_robbin\" (did you "
                          "mean \"round_robin\"?); there are:"));
    EXPECT_THAT(refusal("clock.epoc_s=5"), HasSubstr("did you mean \"epoch_s\"?"));
    EXPECT_THAT(refusal("machine.pcpus=65"), HasSubstr("a whole number from 1 to 64"));
    EXPECT_THAT(refusal("engine.block_limit=-1"), HasSubstr("--set engine.block_limit"));
}

TEST_F(MachineTest, refuses_a_guest_larger_than_the_machine_and_goes_on_without_it) {
    GuestSpec spec = small_guest(shuts_down(0));
    spec.config.memory = spec.config.max_memory = Frames{(65 << 20) / page_size};
    EXPECT_THROW(machine.add_guest(std::move(spec)), ConfigError);
}

TEST_F(MachineTest, refuses_files_that_are_no_kernels) {
    GuestSpec spec = small_guest(shuts_down(0));
    spec.kernel_path = "/nonexistent/vmlinuz";
    EXPECT_THROW(machine.add_guest(spec), EnvironmentError);
    spec.kernel_path = "/proc/self/exe";
    EXPECT_THROW(machine.add_guest(spec), ConfigError);
}

TEST_F(MachineTest, writes_its_messages_down) {
    std::vector<std::string> errors;
    Machine talking(small_machine(), outside, [&](const Log::Line& line) {
        if (line.level == LogLevel::error) errors.push_back(line.text);
    });
    talking.add_guest(small_guest(crashes()));
    talking.run();
    ASSERT_FALSE(errors.empty());
    EXPECT_GE(talking.messages().lines().size(), errors.size());
}

}  // namespace
}  // namespace ring3
