// SPDX-License-Identifier: MIT
// The program as a user starts it.
#pragma once

#include <string>

namespace ring3::test {

struct Outcome {
    int code = 0;       ///< exit code; 128 + n when signal n ended it
    std::string shown;  ///< standard output
    std::string said;   ///< standard error
    std::string text;   ///< one behind the other
};

/// Runs `LAUNCHER ring3 ARGUMENTS`, a shell's words, with `input` on standard input. Machines in
/// the background are this test program's own, and none is left at its end.
Outcome run_ring3(const std::string& arguments, const std::string& input = "",
                  const std::string& launcher = "");

/// Expects that it answers 0 and has nothing to say.
void succeed(const std::string& arguments);
/// Expects that it answers `code` and says one line, an error with this in it, and nothing else.
void expect_failure(const std::string& arguments, int code, const std::string& message);

/// The folder of this test program's machines, as XDG_RUNTIME_DIR has it from then on.
const std::string& own_runtime_folder();

/// The line that --digest ends with; empty: there is none.
std::string digest_of(const Outcome& outcome);

}  // namespace ring3::test
