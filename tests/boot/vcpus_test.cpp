// SPDX-License-Identifier: MIT
// The vCPUs of a stock kernel: taken off line and brought up again by its own hotplug driver,
// paused, and told how much time others had of their pCPU.
#include <functional>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "build_info.hpp"
#include "cli/create_options.hpp"
#include "hv/control/create_request.hpp"
#include "hv/machine/machine.hpp"
#include "hv/machine/store_nodes.hpp"
#include "tests/support/small_guest.hpp"

namespace ring3::test {
namespace {

using namespace std::chrono_literals;
using testing::ContainsRegex;

/// A guest with a shell, in virtual time, that works off a script; where it says "step N", the test
/// does something.
class Vcpus : public testing::Test {
protected:
    using OnStep = std::function<void(std::size_t step, Machine& machine, Guest& guest)>;

    /// What it showed.
    std::string run(const std::vector<std::string>& machine_settings,
                    const std::vector<std::string>& settings, const std::string& script,
                    const OnStep& on_step, bool with_company = false) {
        const std::string file = std::string{build_info::source_root} + "/examples/hello.cfg";
        GuestSpec spec = guest_spec(read_domain_config(file, settings), resolve_file);
        const auto bytes = std::as_bytes(std::span{script});
        spec.scripted_input.assign(bytes.begin(), bytes.end());
        MachineConfig config;
        config.choose("clock", "virtual", "the test");
        for (const std::string& setting : machine_settings) config.set(setting);
        Patient outside;
        Machine machine(std::move(config), outside, {});
        std::string shown;
        std::size_t steps = 0;
        Guest* guest = nullptr;
        spec.show = [&](std::span<const std::byte> output) {
            shown.append(reinterpret_cast<const char*>(output.data()), output.size());
            if (shown.find(fmt::format("step {}", steps)) == std::string::npos) return;
            on_step(steps++, machine, *guest);
        };
        guest = &machine.add_guest(std::move(spec));
        if (with_company) machine.add_guest(small_guest(spins(), "company"));
        outside.stop_when = [&] { return !guest->is_alive(); };
        machine.run();
        digest = machine.digest();
        return shown;
    }
    std::string digest;
};

/// Linux takes vCPUs off line by itself; to bring those up that it may have is udev's job.
constexpr const char* hotplug_script =
    "up() { for i in /sys/devices/system/cpu/cpu[1-9]/online; do echo 1 >$i; done; "
    "cat /sys/devices/system/cpu/online; }\n"
    "up; echo st''ep 0; sleep 3\n"
    "up; echo st''ep 1; sleep 3\n"
    "cat /sys/devices/system/cpu/online; echo st''ep 2; sleep 3\n"
    "up; grep -c ^cpu[0-9] /proc/stat; poweroff\n";

class Hotplug : public Vcpus, public testing::WithParamInterface<int> {};

TEST_P(Hotplug, follows_the_store) {
    const std::vector<std::string> machine{fmt::format("machine.pcpus={}", GetParam())};
    const std::vector<std::string> settings{"vcpus=2", "maxvcpus=4"};
    const auto set = [](std::size_t step, Machine& all, Guest& guest) {
        constexpr std::uint32_t wanted[] = {4, 1, 3};
        write_vcpu_availability(all.store(), *guest.domain(), wanted[step]);
    };
    const std::string shown = run(machine, settings, hotplug_script, set);
    EXPECT_THAT(shown, ContainsRegex("\n0-1\r?\nstep 0"));
    EXPECT_THAT(shown, ContainsRegex("\n0-3\r?\nstep 1"));
    EXPECT_THAT(shown, ContainsRegex("\n0\r?\nstep 2"));
    EXPECT_THAT(shown, ContainsRegex("\n0-2\r?\n3\r?\n"));
    const std::string once = digest;
    run(machine, settings, hotplug_script, set);
    EXPECT_EQ(digest, once);
}

INSTANTIATE_TEST_SUITE_P(Pcpus, Hotplug, testing::Values(1, 2),
                         [](const auto& count) { return fmt::format("{}", count.param); });

/// The eighth number of the line "cpu" is steal, the first user, both in 1/100 s.
constexpr const char* steal_script =
    "read -r a u0 b c d e f g s0 h </proc/stat; echo st''ep 0\n"
    "i=0; while [ $i -lt 60000 ]; do i=$((i+1)); done\n"
    "read -r a u1 b c d e f g s1 h </proc/stat; echo user $((u1-u0)) steal $((s1-s0)); poweroff\n";

std::pair<int, int> user_and_steal(const std::string& shown) {
    int user = -1, steal = -1;
    const std::size_t at = shown.rfind("user ");
    if (at != shown.npos) std::sscanf(shown.c_str() + at, "user %d steal %d", &user, &steal);
    return {user, steal};
}

TEST_F(Vcpus, see_in_proc_stat_what_others_had_of_their_pcpu) {
    const auto nothing = [](std::size_t, Machine&, Guest&) {};
    const auto [user_alone, steal_alone] =
        user_and_steal(run({}, {}, steal_script, nothing, false));
    EXPECT_GT(user_alone, 5);
    EXPECT_LE(steal_alone, 1);
    const auto [user, steal] = user_and_steal(run({}, {}, steal_script, nothing, true));
    EXPECT_NEAR(user, user_alone, user_alone / 5 + 2) << "what it did itself is the same";
    // In turn with one that always runs, and its kernel's own time counts too.
    EXPECT_GT(steal, user / 2);
    EXPECT_LT(steal, user * 2);
}

class Paused : public testing::TestWithParam<int> {};

TEST_P(Paused, vcpus_do_not_run_until_they_are_unpaused) {
    const std::string file = std::string{build_info::source_root} + "/examples/hello.cfg";
    GuestSpec spec =
        guest_spec(read_domain_config(file, std::vector<std::string>{"vcpus=2"}), resolve_file);
    constexpr std::string_view script =
        "echo st''ep; while [ ! -e /x ]; do :; done & sleep 1; "
        "poweroff\n";
    const auto bytes = std::as_bytes(std::span{script});
    spec.scripted_input.assign(bytes.begin(), bytes.end());
    std::string shown;
    spec.show = [&](std::span<const std::byte> output) {
        shown.append(reinterpret_cast<const char*>(output.data()), output.size());
    };
    MachineConfig config;
    config.choose("clock", "virtual", "the test");
    config.set(fmt::format("machine.pcpus={}", GetParam()));
    Patient outside;
    Machine machine(std::move(config), outside, {});
    Guest& guest = machine.add_guest(std::move(spec));
    machine.add_guest(small_guest(spins(), "company"));
    const auto run_until = [&](auto&& is_over) {
        outside.stop_when = is_over;
        EXPECT_EQ(machine.run(), Machine::End::stopped);
    };
    const auto ran_ns = [&] {
        std::uint64_t all = 0;
        for (VcpuId vcpu{0}; vcpu < VcpuId{2}; ++vcpu)
            all += guest.domain()->vcpu(vcpu).run_state_info(machine.time()).time[0];
        return all;
    };
    run_until([&] { return shown.find("step") != std::string::npos; });
    guest.domain()->pause();
    // At the next boundary nobody of it runs any more.
    run_until([&, end = machine.time() + 1ms] { return machine.time() >= end; });
    const std::uint64_t before = ran_ns();
    run_until([&, end = machine.time() + 500ms] { return machine.time() >= end; });
    EXPECT_EQ(ran_ns(), before);
    guest.domain()->unpause();
    run_until([&] { return !guest.is_alive(); });
    EXPECT_FALSE(guest.has_crashed()) << shown;
}

INSTANTIATE_TEST_SUITE_P(Pcpus, Paused, testing::Values(1, 2),
                         [](const auto& count) { return fmt::format("{}", count.param); });

}  // namespace
}  // namespace ring3::test
