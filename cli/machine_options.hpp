// SPDX-License-Identifier: MIT
// The options that describe a machine: --machine, --set, --clock.
#pragma once

#include <string>
#include <vector>

#include "cli/arguments.hpp"
#include "hv/clock/clock.hpp"
#include "hv/machine/config/machine_config.hpp"

namespace ring3 {

struct MachineOptions {
    std::string file;
    std::string clock;
    std::vector<std::string> settings;

    CommandLine& add_to(CommandLine& line) {
        return line.value("machine", file).value("clock", clock).values("set", settings);
    }
    bool are_given() const { return !file.empty() || !clock.empty() || !settings.empty(); }
    /// Throws ConfigError and EnvironmentError.
    MachineConfig config() const;
    /// The same options for another process, with another working directory.
    std::vector<std::string> words() const;
};

/// Whether a machine with this config is a closed world.
Clock::World world_of(MachineConfig config);

}  // namespace ring3
