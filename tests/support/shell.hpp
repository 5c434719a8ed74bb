// SPDX-License-Identifier: MIT
// Other programs, as a shell starts them.
#pragma once

#include <string>

namespace ring3::test {

/// What a shell's command prints; a command that fails, fails the test.
std::string output_of(const std::string& command);

}  // namespace ring3::test
