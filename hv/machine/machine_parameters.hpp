// SPDX-License-Identifier: MIT
// The parameters of the table [machine]: what is no policy's.
#pragma once

#include "hv/base/params.hpp"
#include "hv/base/units.hpp"
#include "hv/domain/cpu_model.hpp"

namespace ring3 {

struct MachineParameters {
    /// Throws ConfigError for values out of range and for parameters that do not exist.
    explicit MachineParameters(Params& params);

    Frames memory{};
    const CpuModel* cpu_model = nullptr;
    /// See ScriptedInput.
    Duration input_quiet{};
};

}  // namespace ring3
