// SPDX-License-Identifier: MIT
// SMP guests with disks and a network, on machines of several pCPUs: what they read and send is
// right, a parallel build is the faster the more pCPUs there are, and every run repeats.
#include <map>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "build_info.hpp"
#include "cli/create_options.hpp"
#include "hv/control/create_request.hpp"
#include "hv/machine/machine.hpp"
#include "tests/support/small_guest.hpp"

namespace ring3::test {
namespace {

using testing::AllOf;
using testing::ContainsRegex;
using testing::HasSubstr;

/// A guest of examples/base.cfg whose first process is a shell that works off a script.
struct Shell {
    std::string name;
    std::vector<std::string> settings;
    std::string script;
};

struct Result {
    std::string digest;
    /// By guest.
    std::map<std::string, std::string> shown;
    /// When the console first showed "took off", and when "landed".
    Duration flight{};
};

GuestSpec spec_of(const Shell& shell) {
    std::vector<std::string> settings{
        fmt::format("name=\"{}\"", shell.name), "vif=[\"bridge=lan\"]",
        "extra=\"console=hvc0 quiet tsc=nowatchdog init=/bin/sh\"", "on_reboot=\"destroy\""};
    settings.insert(settings.end(), shell.settings.begin(), shell.settings.end());
    GuestSpec spec = guest_spec(
        read_domain_config(std::string(build_info::source_root) + "/examples/base.cfg", settings),
        resolve_file);
    const std::string script = "stty -echo; mount -t proc proc /proc; mount -t tmpfs tmp /tmp\n" +
                               shell.script + "echo o >/proc/sysrq-trigger\n";
    const auto bytes = std::as_bytes(std::span{script});
    spec.scripted_input.assign(bytes.begin(), bytes.end());
    return spec;
}

Result run(int pcpus, const std::vector<Shell>& shells) {
    MachineConfig config;
    config.choose("clock", "virtual", "the test");
    config.set(fmt::format("machine.pcpus={}", pcpus));
    Patient outside;
    Machine machine(std::move(config), outside, {});
    Result result;
    std::map<std::string, Time> marks;
    for (const Shell& shell : shells) {
        GuestSpec spec = spec_of(shell);
        spec.show = [&, name = shell.name](std::span<const std::byte> output) {
            std::string& shown = result.shown[name];
            shown.append(reinterpret_cast<const char*>(output.data()), output.size());
            for (const char* mark : {"took off", "landed"})
                if (shown.find(mark) != std::string::npos) marks.try_emplace(mark, machine.time());
        };
        machine.add_guest(std::move(spec));
    }
    EXPECT_EQ(machine.run(), Machine::End::guests_ended);
    result.digest = machine.digest();
    result.flight = marks["landed"] - marks["took off"];
    return result;
}

class Devices : public testing::TestWithParam<int> {};

/// Both have the same disk: one sends a part of it, and the other compares what came with its own.
TEST_P(Devices, serve_guests_on_several_pcpus) {
    const std::string read = "dd if=/dev/xvda bs=64k count=64 iflag=direct 2>/dev/null";
    const std::string join = "ip link set eth0 up; ip addr add 10.1.1.{}/24 dev eth0\n";
    const std::vector<Shell> shells{
        {"takes",
         {"vcpus=2"},
         fmt::format(fmt::runtime(join), 1) +
             "socat -u TCP-LISTEN:5000 STDOUT | sha256sum >/tmp/sent & wait\n" + read +
             " | sha256sum >/tmp/own; cmp /tmp/sent /tmp/own && echo eq''ual\n"
             "grep -c ^processor /proc/cpuinfo; cat /tmp/own\n"},
        {"gives",
         {"vcpus=2"},
         fmt::format(fmt::runtime(join), 2) + read +
             " >/tmp/part; socat -u OPEN:/tmp/part TCP:10.1.1.1:5000,retry=50,interval=0.1\n"
             "dd if=/tmp/part of=/dev/xvda bs=64k seek=9000 oflag=direct 2>/dev/null\n"
             "dd if=/dev/xvda bs=64k skip=9000 count=64 iflag=direct 2>/dev/null | cmp - /tmp/part "
             "&& echo writ''ten\n"}};
    const Result once = run(GetParam(), shells);
    EXPECT_THAT(once.shown.at("takes"),
                AllOf(HasSubstr("equal\r\n"), ContainsRegex("\n[^\n]*2\r\n[0-9a-f]+  -")));
    EXPECT_THAT(once.shown.at("gives"), HasSubstr("written"));
    EXPECT_EQ(once.digest, run(GetParam(), shells).digest);
}

INSTANTIATE_TEST_SUITE_P(Pcpus, Devices, testing::Values(2, 4),
                         [](const auto& count) { return fmt::format("{}", count.param); });

/// The image of the workload `scheduling` has a compiler.
TEST(ParallelBuild, is_the_faster_the_more_pcpus_four_vcpus_have) {
    const std::vector<Shell> shells{
        {"builds",
         {"vcpus=4", "memory=512", "disk=[\"image:scheduling/root.img,raw,xvda,w\"]"},
         "cd /tmp; for i in 1 2 3 4 5 6 7 8; do printf 'int f%d(void) { return %d; }\\n' $i $i "
         ">f$i.c; cat /usr/lib/workloads/scheduling/pulse.c >>f$i.c; sed -i \"s/main/main$i/\" "
         "f$i.c; done\n"
         "printf 'int f8(void); int main(void) { return f8(); }' >main.c; gcc -c main.c\n"
         "echo took o''ff; for i in 1 2 3 4 5 6 7 8; do gcc -O2 -c f$i.c & done; wait; echo "
         "land''ed\n"
         "gcc -o all *.o -lm; ./all; echo co''de $?\n"}};
    Duration before = Duration::max();
    for (const int pcpus : {1, 2, 4}) {
        const Result result = run(pcpus, shells);
        EXPECT_THAT(result.shown.at("builds"), HasSubstr("code 8")) << pcpus;
        EXPECT_GT(result.flight, Duration::zero());
        // Twice as many would halve it, were it not for the start of each and the disk.
        EXPECT_LT(result.flight, before * 3 / 4) << pcpus;
        before = result.flight;
    }
}

}  // namespace
}  // namespace ring3::test
