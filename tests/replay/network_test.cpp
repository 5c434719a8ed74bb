// SPDX-License-Identifier: MIT
// What comes through NAT into a recorded run, the guest gets at the same moment of the replay, when
// nobody is there any more.
#include <atomic>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>

#include <unistd.h>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "build_info.hpp"
#include "cli/create_options.hpp"
#include "hv/control/create_request.hpp"
#include "hv/machine/machine.hpp"
#include "tests/replay/typist.hpp"
#include "tests/support/host_socket.hpp"

namespace ring3::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;

class RecordedNetwork : public testing::Test {
protected:
    ~RecordedNetwork() override { std::filesystem::remove(file); }

    struct Course {
        std::string digest, shown;
        Time ended{};
    };
    Course run(const Machine::Recording& recording, std::vector<Typist::Line> lines) {
        Typist typist(std::move(lines));
        MachineConfig config;
        config.choose("clock", "virtual", "the test");
        const std::vector<std::string> settings{
            fmt::format("vif=[\"bridge=nat,hostfwd=tcp:{}-:80\"]", forwarded)};
        GuestSpec spec =
            guest_spec(read_domain_config(
                           std::string{build_info::source_root} + "/examples/base.cfg", settings),
                       resolve_file);
        spec.show = [&](std::span<const std::byte> output) { typist.see(output); };
        Machine machine(std::move(config), typist, {}, recording);
        typist.sit_down(machine, machine.add_guest(std::move(spec)));
        EXPECT_EQ(machine.run(), Machine::End::guests_ended) << typist.shown;
        return {machine.digest(), typist.shown, machine.time()};
    }
    std::vector<Typist::Line> lines(std::uint16_t server) const {
        return {{"login: ", "root\n"},
                {"# ", fmt::format("until ip -4 -o addr show dev eth0 | grep -q inet; do busybox "
                                   "usleep 50000; done; wget -q -O - http://10.0.2.2:{}/; echo "
                                   "it is inside | socat -u - TCP-LISTEN:80; poweroff\n",
                                   server)}};
    }

    const std::filesystem::path file =
        std::filesystem::temp_directory_path() / fmt::format("ring3-nat-{}.record", ::getpid());
    const std::uint16_t forwarded = free_port();
};

TEST_F(RecordedNetwork, is_replayed_to_the_same_digest) {
    Course recorded;
    {
        PageServer server("the page of the host\n");
        std::atomic<bool> is_over = false;
        std::string answer;
        std::thread client([&] {
            while (!is_over && answer.empty()) {
                answer = ask_port(forwarded, "");
                ::usleep(100'000);
            }
        });
        recorded = run({.record = file, .replay = {}}, lines(server.port()));
        is_over = true;
        client.join();
        EXPECT_EQ(server.served(), 1);
        EXPECT_EQ(answer, "it is inside\n");
        EXPECT_THAT(recorded.shown, HasSubstr("the page of the host"));
    }
    const Course replayed = run({.record = {}, .replay = file}, {});
    EXPECT_EQ(replayed.digest, recorded.digest);
    EXPECT_EQ(replayed.shown, recorded.shown);
    EXPECT_EQ(replayed.ended, recorded.ended);
}

}  // namespace
}  // namespace ring3::test
