// SPDX-License-Identifier: MIT
// Statements of the paper's text about published figures: \checked{EXPRESSION}{words}. What an
// expression may be is told in paper/README.md.
#pragma once

#include <string>
#include <vector>

#include "analysis/load/published.hpp"

namespace ring3::analysis {

struct Statement {
    std::string expression, words;
};

/// All of them in a LaTeX text. ConfigError where one has no end.
std::vector<Statement> statements_in(const std::string& tex);

struct Evaluated {
    bool holds = false;
    double value = 0;  ///< of what stands left of the sign
};
/// ConfigError where the expression is none, or names a figure that is not there.
Evaluated evaluate_statement(const Statement& statement,
                             const std::vector<PublishedFigure>& published);

}  // namespace ring3::analysis
