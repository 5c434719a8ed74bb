// SPDX-License-Identifier: MIT
// Another program, run to its end: gnuplot, pdflatex.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace ring3::analysis {

struct ProgramOutcome {
    int code = 0;      ///< 127: there is no such program
    std::string said;  ///< on both outputs
};

/// Runs `words` in `folder`, without a shell and with nothing to read.
ProgramOutcome run_program(const std::vector<std::string>& words,
                           const std::filesystem::path& folder);

}  // namespace ring3::analysis
