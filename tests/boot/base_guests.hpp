// SPDX-License-Identifier: MIT
// Guests with the disk of the image `base` on a machine in the background.
#pragma once

#include <string>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "build_info.hpp"
#include "tests/support/guest_console.hpp"
#include "tests/support/program.hpp"

namespace ring3::test {

class BaseGuests : public testing::Test {
protected:
    void SetUp() override { succeed("up"); }
    void TearDown() override { run_ring3("down --force"); }

    static void succeed(const std::string& arguments) {
        const Outcome outcome = run_ring3(arguments);
        if (outcome.code != 0) throw std::runtime_error(arguments + ": " + outcome.text);
    }
    /// Starts one, with settings of a config over those of the example, each for a shell. Without
    /// any it is on a network of its own: a port of the host can be forwarded to one guest only.
    static void create(const std::string& name, const std::string& settings = "") {
        succeed(fmt::format("create -q {}/examples/base.cfg name={} 'vif=[\"bridge=lan\"]' {}",
                            build_info::source_root, name, settings));
    }
    /// Ends it as its owner does, and waits.
    static void power_off(GuestConsole& guest) {
        guest.type("poweroff\n");
        guest.read_to_end();
    }
};

}  // namespace ring3::test
