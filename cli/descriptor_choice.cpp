// SPDX-License-Identifier: MIT
#include "cli/descriptor_choice.hpp"

#include <fmt/format.h>

namespace ring3 {

void print_effective(const experiment::Descriptor& descriptor) {
    for (const experiment::Effective& value : descriptor.effective)
        fmt::print("{:<36} {:<40} {}\n", value.key, value.value, value.origin);
}

}  // namespace ring3
