// SPDX-License-Identifier: MIT
// The program as a user starts it.
#pragma once

#include <string>

namespace ring3::test {

struct Outcome {
    int code = 0;      ///< exit code; 128 + n when signal n ended it
    std::string text;  ///< standard output and standard error, as they came
};

/// Runs `ring3 ARGUMENTS`, a shell's words, with `input` on standard input.
Outcome run_ring3(const std::string& arguments, const std::string& input = "");

/// The line that --digest ends with; empty: there is none.
std::string digest_of(const Outcome& outcome);

}  // namespace ring3::test
