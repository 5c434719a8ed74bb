// SPDX-License-Identifier: MIT
#include "experiments/platforms/kernel_words.hpp"

#include <sstream>

#include <fmt/format.h>

namespace ring3::experiment {

std::vector<std::string> kernel_words(const Boot& boot) {
    std::vector<std::string> words{"rw", fmt::format("init={}", guest_init),
                                   fmt::format("workloads={}", boot.workloads)};
    std::istringstream more(boot.extra);
    for (std::string word; more >> word;) words.push_back(word);
    return words;
}

}  // namespace ring3::experiment
