// SPDX-License-Identifier: MIT
// The parameters of the table [machine]: what is no policy's.
#pragma once

#include "hv/base/params.hpp"
#include "hv/base/units.hpp"

namespace ring3 {

struct MachineParameters {
    /// Throws ConfigError for values out of range and for parameters that do not exist.
    explicit MachineParameters(Params& params);

    Frames memory{};
    /// See ScriptedInput.
    Duration input_quiet{};
    /// The run stops when exactly so many instructions were retired.
    std::uint64_t stop_after = 0;
};

}  // namespace ring3
