// SPDX-License-Identifier: MIT
#include "cli/machine_options.hpp"

#include <filesystem>

#include "hv/base/registry.hpp"

namespace ring3 {

MachineConfig MachineOptions::config() const {
    MachineConfig config;
    if (!file.empty()) config.read_file(file);
    if (!clock.empty()) config.choose("clock", clock, "--clock");
    for (const std::string& setting : settings) config.set(setting);
    return config;
}

std::vector<std::string> MachineOptions::words() const {
    std::vector<std::string> words;
    if (!file.empty()) words.insert(words.end(), {"--machine", std::filesystem::absolute(file)});
    if (!clock.empty()) words.insert(words.end(), {"--clock", clock});
    for (const std::string& setting : settings) words.insert(words.end(), {"--set", setting});
    return words;
}

Clock::World world_of(MachineConfig config) {
    PolicyChoice& choice = config.policy(Clock::kind);
    return Registry<Clock>::create(choice.name, choice.params)->world();
}

}  // namespace ring3
