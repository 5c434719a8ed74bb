// SPDX-License-Identifier: MIT
// A trace as text: for people, as CSV, and for Perfetto or a browser's trace viewer.
#pragma once

#include <ostream>

#include "hv/trace/file.hpp"

namespace ring3::trace {

/// Classes, events and arguments.
void print_schema(std::ostream& out);
/// What each vCPU did.
void print_summary(std::ostream& out, const File& file);
/// One line for each time that a vCPU had a pCPU.
void print_intervals(std::ostream& out, const File& file);
/// One line for each stay of a vCPU in a run state.
void print_run_states(std::ostream& out, const File& file);
/// One line for each record, arguments as "name=value" with names for numbers.
void print_csv(std::ostream& out, const File& file);
/// The JSON of Chrome's trace viewer, which Perfetto reads: who had each pCPU, the run states of
/// each vCPU, and all else as moments.
void print_perfetto(std::ostream& out, const File& file);

}  // namespace ring3::trace
