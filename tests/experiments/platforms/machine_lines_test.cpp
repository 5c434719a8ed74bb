// SPDX-License-Identifier: MIT
#include "experiments/platforms/machine_lines.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "experiments/platforms/shared_progress.hpp"

namespace ring3::experiment {
namespace {

TEST(MachineLines, give_a_console_line_back_whatever_is_in_it) {
    for (const char* text : {"", "hello", "  two  blanks ", "sample 3 d", "\xff\x01"}) {
        const Line line{std::chrono::nanoseconds(42), "web-1", text};
        const Told read = read_told(told(line));
        ASSERT_TRUE(std::holds_alternative<Line>(read)) << text;
        EXPECT_EQ(std::get<Line>(read).at, line.at);
        EXPECT_EQ(std::get<Line>(read).domain, "web-1");
        EXPECT_EQ(std::get<Line>(read).text, text);
    }
}

TEST(MachineLines, give_a_sample_back) {
    MachineSample sample{Time{Duration{1'234'567'890'123}}, {}};
    for (const char* name : {"one", "two"}) {
        DomainSample& domain = sample.domains.emplace_back();
        domain.id = DomainId{7};
        domain.name = name;
        domain.memory = Frames{131072};
        domain.target = Frames{65536};
        domain.run_states = {{Duration{1}, Duration{2}, Duration{3}, Duration{4}}, {}};
        domain.rings = {{"console", {"out", 12, 0, 2048}}, {"vif-0", {"q0-rx", 255, 1, 256}}};
    }
    const Told read = read_told(told(sample));
    ASSERT_TRUE(std::holds_alternative<MachineSample>(read));
    const auto& again = std::get<MachineSample>(read);
    EXPECT_EQ(again.at, sample.at);
    ASSERT_EQ(again.domains.size(), 2U);
    EXPECT_EQ(again.domains[1].name, "two");
    EXPECT_EQ(again.domains[1].id, DomainId{7});
    EXPECT_EQ(again.domains[1].memory, Frames{131072});
    EXPECT_EQ(again.domains[1].target, Frames{65536});
    ASSERT_EQ(again.domains[1].run_states.size(), 2U);
    EXPECT_EQ(again.domains[1].run_states[0][3], Duration{4});
    ASSERT_EQ(again.domains[1].rings.size(), 2U);
    EXPECT_EQ(again.domains[1].rings[1].device, "vif-0");
    EXPECT_EQ(again.domains[1].rings[1].depth.ring, "q0-rx");
    EXPECT_EQ(again.domains[1].rings[1].depth.size, 256U);
}

TEST(MachineLines, make_nothing_of_what_is_neither) {
    for (const char* text : {"", "line", "line x", "sample", "Segmentation fault", "5 a b"})
        EXPECT_TRUE(std::holds_alternative<std::monostate>(read_told(text))) << text;
    // Cut in the middle: what is whole of it.
    EXPECT_NO_THROW(read_told("sample 5 v 1 2"));
    EXPECT_NO_THROW(read_told("sample 5 d one 1 2 3 r vbd"));
}

TEST(SharedProgress, is_seen_by_the_process_that_made_it) {
    SharedProgress shared;
    const pid_t child = ::fork();
    if (child == 0) {
        shared.set({std::chrono::seconds(5), 123});
        ::_exit(0);
    }
    ::waitpid(child, nullptr, 0);
    EXPECT_EQ(shared.get().time, std::chrono::seconds(5));
    EXPECT_EQ(shared.get().instructions, 123U);
}

}  // namespace
}  // namespace ring3::experiment
