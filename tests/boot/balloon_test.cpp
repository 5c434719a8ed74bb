// SPDX-License-Identifier: MIT
// Linux' own balloon driver gives memory back and takes it again, as the store tells it to.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "build_info.hpp"
#include "cli/create_options.hpp"
#include "hv/control/create_request.hpp"
#include "hv/machine/config/domain_config.hpp"
#include "hv/machine/machine.hpp"
#include "tests/support/small_guest.hpp"

namespace ring3::test {
namespace {

using testing::ElementsAre;

constexpr std::uint64_t frames_per_mib = 256;

/// A guest that says "step N" to be told its next target, and what it has some seconds later.
class Balloon : public testing::Test {
protected:
    /// Runs it; the lines that it answers with: what it owns, and what its kernel has in all.
    std::vector<std::uint64_t> run(const std::vector<std::string>& settings,
                                   const std::vector<unsigned>& targets_mib) {
        const std::string file = std::string{build_info::source_root} + "/examples/hello.cfg";
        GuestSpec spec = guest_spec(read_domain_config(file, settings), resolve_file);
        std::string script;
        for (std::size_t i = 0; i <= targets_mib.size(); ++i)
            script += fmt::format("echo st''ep {}; sleep 4\n", i);
        script += "poweroff\n";
        const auto bytes = std::as_bytes(std::span{script});
        spec.scripted_input.assign(bytes.begin(), bytes.end());

        Patient outside;
        MachineConfig config;
        config.choose("clock", "virtual", "the test");
        Machine machine(std::move(config), outside, {});
        std::vector<std::uint64_t> owned_mib;
        std::string shown;
        Guest* guest = nullptr;
        spec.show = [&](std::span<const std::byte> output) {
            shown.append(reinterpret_cast<const char*>(output.data()), output.size());
            const std::size_t step = owned_mib.size();
            if (shown.find(fmt::format("step {}", step)) == std::string::npos) return;
            owned_mib.push_back(guest->domain()->memory().raw / frames_per_mib);
            if (step >= targets_mib.size()) return;
            const std::string target =
                store::Store::home_of(guest->domain()->id()) + "/memory/target";
            const store::Error written =
                machine.store().write(domain0, 0, target, std::to_string(targets_mib[step] * 1024));
            EXPECT_EQ(written, store::Error::none);
        };
        guest = &machine.add_guest(std::move(spec));
        EXPECT_EQ(machine.run(), Machine::End::guests_ended) << shown;
        EXPECT_FALSE(guest->has_crashed()) << shown;
        return owned_mib;
    }
};

TEST_F(Balloon, gives_memory_back_and_takes_it_again) {
    EXPECT_THAT(run({"memory=256"}, {128, 200, 256}), ElementsAre(256, 128, 200, 256));
}

TEST_F(Balloon, lets_a_guest_start_with_less_and_grow_up_to_its_maximum) {
    EXPECT_THAT(run({"memory=128", "maxmem=256"}, {256, 100, 1000}),
                ElementsAre(128, 256, 100, 256));
}

}  // namespace
}  // namespace ring3::test
