// SPDX-License-Identifier: MIT
// What the process of a ring3 machine tells its parent through a pipe, one line each: lines of its
// guests' consoles, and samples of the machine.
#pragma once

#include <string>
#include <variant>

#include "experiments/platforms/platform.hpp"
#include "hv/machine/sampler.hpp"

namespace ring3::experiment {

/// Without the line's end. Names have no blanks in them; a console's text may be anything.
std::string told(const Line& line);
std::string told(const MachineSample& sample);

/// The other way. Nothing from what is neither: the process of a machine that broke may leave half
/// a line.
using Told = std::variant<std::monostate, Line, MachineSample>;
Told read_told(const std::string& text);

}  // namespace ring3::experiment
