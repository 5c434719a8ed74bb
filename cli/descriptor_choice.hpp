// SPDX-License-Identifier: MIT
// The options of every verb about an experiment: --set, and where results are.
#pragma once

#include <string>
#include <vector>

#include "cli/arguments.hpp"
#include "experiments/descriptor/descriptor.hpp"

namespace ring3 {

struct DescriptorChoice {
    std::vector<std::string> settings;
    std::string results;

    CommandLine& add_to(CommandLine& line) {
        return line.values("set", settings).value("results", results);
    }
};

/// Every value in effect, and who gave it.
void print_effective(const experiment::Descriptor& descriptor);

}  // namespace ring3
