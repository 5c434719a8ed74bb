// SPDX-License-Identifier: MIT
// Two guests with disks of 2003 on a lossy link: all that they do, they do again.
#include <string>
#include <utility>

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

using testing::HasSubstr;
using testing::Not;

struct Course {
    std::string digest;
    Machine::End end{};
    Time ended{};
    std::string one, two;  ///< what they showed
};

GuestSpec guest(const std::string& name, const std::string& address, const std::string& script,
                std::string& shown) {
    const std::vector<std::string> settings{
        "name=" + name, "vif=[\"bridge=lan\"]",
        fmt::format("extra=\"console=hvc0 quiet ip={}::::{}:eth0:off\"", address, name)};
    GuestSpec spec = guest_spec(
        read_domain_config(std::string{build_info::source_root} + "/examples/base.cfg", settings),
        resolve_file);
    const auto bytes = std::as_bytes(std::span{script});
    spec.scripted_input.assign(bytes.begin(), bytes.end());
    spec.show = [&shown](std::span<const std::byte> output) {
        for (const std::byte byte : output) shown += static_cast<char>(byte);
    };
    return spec;
}

/// One sends what it has written to its disk, the other writes it to its own.
Course run(const std::vector<std::string>& settings) {
    MachineConfig config;
    config.choose("clock", "virtual", "the test");
    // A getty throws away what is typed before its prompt.
    config.set("machine.input_quiet_ms=6000");
    config.set("disk.name=disk-2003");
    config.set("net.name=link");
    config.set("net.bandwidth_kbit_per_s=50000");
    config.set("net.latency_us=300");
    config.set("net.loss_ppm=2000");
    for (const std::string& setting : settings) config.set(setting);
    Patient outside;
    Machine machine(std::move(config), outside, {});
    Course course;
    machine.add_guest(guest("one", "10.0.0.1",
                            "root\n"
                            "dd if=/dev/urandom of=/root/a bs=64k count=16 conv=fsync; "
                            "until ping -c 1 -W 1 10.0.0.2; do :; done; "
                            "until socat -u OPEN:/root/a TCP:10.0.0.2:5000; do sleep 1; done; "
                            "sha256sum </root/a; poweroff\n",
                            course.one));
    machine.add_guest(guest("two", "10.0.0.2",
                            "root\n"
                            "socat -u TCP-LISTEN:5000 CREATE:/root/b; sync; "
                            "sha256sum </root/b; poweroff\n",
                            course.two));
    course.end = machine.run();
    course.digest = machine.digest();
    course.ended = machine.time();
    return course;
}

std::string sum_in(const std::string& shown) {
    const auto end = shown.find("  -\r");
    return end == shown.npos || end < 64 ? "none" : shown.substr(end - 64, 64);
}

TEST(ModelledDevices, give_the_same_digest_twice) {
    const Course first = run({});
    ASSERT_EQ(first.end, Machine::End::guests_ended) << first.one << first.two;
    EXPECT_THAT(first.one, HasSubstr(" 0% packet loss"));
    EXPECT_NE(sum_in(first.one), "none") << first.one;
    EXPECT_EQ(sum_in(first.one), sum_in(first.two)) << first.two;
    const Course second = run({"engine.block_limit=8"});
    EXPECT_EQ(second.digest, first.digest);
    EXPECT_EQ(second.one, first.one);
    EXPECT_EQ(second.two, first.two);
    EXPECT_EQ(second.ended, first.ended);
    // Other frames are lost, so another time it is another run.
    EXPECT_NE(run({"net.seed=2"}).digest, first.digest);
}

}  // namespace
}  // namespace ring3::test
