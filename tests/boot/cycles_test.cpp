// SPDX-License-Identifier: MIT
// Guests that come and go on one machine in the background leave nothing behind in its process.
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <span>
#include <string>
#include <vector>

#include <unistd.h>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "build_info.hpp"
#include "hv/control/protocol.hpp"
#include "tests/support/program.hpp"

namespace ring3::test {
namespace {

std::size_t entries(const std::string& folder) {
    const std::filesystem::directory_iterator all(folder);
    return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

struct Held {
    std::size_t descriptors, threads, resident_kib;

    static Held by(pid_t pid) {
        std::ifstream status(fmt::format("/proc/{}/status", pid));
        std::string word;
        // Pages of files, such as that of kept translations, are the host's to take back.
        std::size_t resident = 0, kib = 0;
        while (status >> word)
            if ((word == "RssAnon:" || word == "RssShmem:") && status >> kib) resident += kib;
        return {entries(fmt::format("/proc/{}/fd", pid)),
                entries(fmt::format("/proc/{}/task", pid)), resident};
    }
};

/// $RING3_TEST_CYCLES sets another number.
int cycles() {
    const char* const given = std::getenv("RING3_TEST_CYCLES");
    return given != nullptr ? std::stoi(given) : 24;
}

TEST(Cycles, of_guests_with_disk_and_network_leave_nothing_behind) {
    // A small cache of translated code is full after the first boots, and grows no more.
    ASSERT_EQ(run_ring3("up --set engine.code_cache_mib=16").code, 0);
    const pid_t pid = Json::parse(run_ring3("info --json").shown)["result"]["pid"];
    const std::string create = fmt::format(
        "create -q {}/examples/tiny.cfg 'disk=[\"memory:16M,xvda,w\","
        "\"image:tiny/initrd,xvdb,r\"]' 'vif=[\"bridge=lan\",\"bridge=nat\"]' ",
        build_info::source_root);
    const auto cycle = [&](int number) {
        if (number % 4 == 0) {
            // To its own end.
            const Outcome outcome = run_ring3(create + "-c");
            EXPECT_EQ(outcome.code, 0) << outcome.text;
        } else {
            // Somewhere on the way there.
            EXPECT_EQ(run_ring3(create).code, 0);
            ::usleep(static_cast<useconds_t>(number % 10) * 200'000);
            run_ring3("destroy tiny");
        }
    };
    // What grows once, as caches do, has grown after some; what the C library keeps for later comes
    // and goes.
    constexpr int first = 8, last = 4;
    std::vector<Held> held;
    for (int i = 0; i < first + cycles(); ++i) {
        cycle(i);
        held.push_back(Held::by(pid));
    }
    const auto resident = [](const Held& one) { return one.resident_kib; };
    const auto before = std::ranges::max(std::span(held).first(first), {}, resident);
    const auto after = std::ranges::min(std::span(held).last(last), {}, resident);
    fmt::print("resident KiB before {}, after {}\n", before.resident_kib, after.resident_kib);
    EXPECT_EQ(held.back().descriptors, held[first - 1].descriptors);
    EXPECT_EQ(held.back().threads, held[first - 1].threads);
    // Far less than one guest has, however many there were.
    EXPECT_LT(after.resident_kib, before.resident_kib + (16u << 10));
    const Json info = Json::parse(run_ring3("info --json").shown)["result"];
    EXPECT_EQ(info["free_memory_mib"], info["total_memory_mib"]);
    EXPECT_EQ(run_ring3("xenstore list /local/domain").shown, "0\n");
    EXPECT_EQ(run_ring3("down").code, 0);
}

}  // namespace
}  // namespace ring3::test
