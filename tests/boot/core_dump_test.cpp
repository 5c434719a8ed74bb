// SPDX-License-Identifier: MIT
// The core of a running Debian kernel, as gdb sees it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include <unistd.h>

#include <fmt/format.h>

#include "build_info.hpp"
#include "cli/create_options.hpp"
#include "hv/control/create_request.hpp"
#include "hv/machine/core_dump.hpp"
#include "hv/machine/machine.hpp"
#include "tests/support/shell.hpp"
#include "tests/support/small_guest.hpp"

namespace ring3::test {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(CoreDump, of_a_debian_kernel_is_what_gdb_opens) {
    if (output_of("command -v gdb || true").empty()) GTEST_SKIP() << "gdb is not installed";
    const std::string file = std::string{build_info::source_root} + "/examples/hello.cfg";
    GuestSpec spec = guest_spec(read_domain_config(file, {}), resolve_file);
    Patient outside;
    std::string shown;
    spec.show = [&](std::span<const std::byte> output) {
        shown.append(reinterpret_cast<const char*>(output.data()), output.size());
        outside.stop |= shown.find("hello:/#") != std::string::npos;
    };
    MachineConfig config;
    config.choose("clock", "virtual", "the test");
    Machine machine(std::move(config), outside, {});
    Guest& guest = machine.add_guest(std::move(spec));
    ASSERT_EQ(machine.run(), Machine::End::stopped) << shown;

    const auto path =
        std::filesystem::temp_directory_path() / fmt::format("ring3-debian-{}.core", getpid());
    const CoreDump dump = write_core(*guest.domain(), path);
    EXPECT_TRUE(dump.has_all_ranges);
    const CpuState& cpu = guest.domain()->vcpu(VcpuId{0}).cpu;
    // The kernel's text as it maps it, and the same frames where it maps all of its memory.
    const std::string text = output_of(fmt::format(
        "gdb -q -batch -nx -ex 'info registers rip rsp' -ex 'x/4gx $rsp' -ex 'x/2i $rip' "
        "-ex 'x/1gx 0xffffffff81000000' -ex 'x/1gx 0xffff888001000000' "
        "-ex 'info proc' --core={} 2>&1",
        path.string()));
    std::filesystem::remove(path);
    EXPECT_THAT(text, HasSubstr(fmt::format("{:#x}", cpu.rip)));
    EXPECT_THAT(text, HasSubstr(fmt::format("{:#x}", cpu.reg(Gpr::rsp))));
    EXPECT_THAT(text, Not(HasSubstr("Cannot access memory")));
    const auto word_at = [&](const std::string& address) {
        const std::size_t line = text.find(address + ":");
        return line == std::string::npos ? "no " + address : text.substr(line + 20, 18);
    };
    EXPECT_EQ(word_at("0xffffffff81000000"), word_at("0xffff888001000000")) << text;
    RecordProperty("ranges", static_cast<int>(dump.ranges));
    RecordProperty("gdb", text);
}

}  // namespace
}  // namespace ring3::test
