// SPDX-License-Identifier: MIT
// What a domain gets of the machine later on does not depend on who was made beside it.
// tests/boot/isolation_test.cpp has stock kernels.
#include <gtest/gtest.h>

#include "hv/machine/machine.hpp"
#include "tests/support/small_guest.hpp"

namespace ring3::test {
namespace {

/// Of a domain whose grant table has grown beside others.
std::string digest_beside(int others) {
    MachineConfig config = small_machine();
    for (const char* setting : {"machine.pcpus=2", "machine.domain0=at_once"}) config.set(setting);
    Patient outside;
    Machine machine(std::move(config), outside, {});
    const auto add = [&](const Code& code, std::uint64_t pcpu) -> Guest& {
        GuestSpec spec = small_guest(code);
        spec.config.name += std::to_string(machine.guests().size());
        spec.config.on_poweroff = OnShutdown::preserve;
        spec.config.scheduling.affinity = {std::uint64_t{1} << pcpu};
        return machine.add_guest(std::move(spec));
    };
    Guest& guest = add(prints('A'), 0);
    for (int i = 0; i < others; ++i) add(spins(), 1);
    for (std::uint32_t frames = 1; frames <= GrantTable::max_frames; ++frames) {
        EXPECT_TRUE(guest.domain()->grants().grow(frames));
        for (Guest* const other : machine.guests()) other->domain()->grants().grow(frames);
    }
    outside.stop_when = [&] { return !guest.is_alive(); };
    machine.run();
    return machine.digest(guest);
}

TEST(Isolation, has_the_same_frames_beside_others_and_alone) {
    const std::string alone = digest_beside(0);
    EXPECT_EQ(digest_beside(1), alone);
    EXPECT_EQ(digest_beside(3), alone);
}

}  // namespace
}  // namespace ring3::test
