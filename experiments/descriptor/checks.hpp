// SPDX-License-Identifier: MIT
// What can be told before anything runs: whether every machine and every domain of a descriptor can
// be made.
#pragma once

#include "experiments/descriptor/descriptor.hpp"
#include "experiments/descriptor/toml_reader.hpp"

namespace ring3::experiment {

/// An error for each setting of the command line that a sweep leaves without effect.
void check_settings(const Descriptor& descriptor, Errors& errors);

/// One error for each thing that is wrong, with the first cell that it is wrong in.
void check_machines(const Descriptor& descriptor, Errors& errors);

}  // namespace ring3::experiment
