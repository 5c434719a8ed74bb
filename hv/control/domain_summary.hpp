// SPDX-License-Identifier: MIT
// A domain as `list` and its like show it.
#pragma once

#include "hv/control/protocol.hpp"
#include "hv/machine/machine.hpp"

namespace ring3 {

/// Of Domain-0, then of all guests. Times in nanoseconds, as the names of the members say.
Json domain_summaries(Machine& machine);
Json domain_summary(Machine& machine, Guest& guest);

/// "poweroff", "crash"...: SHUTDOWN_... as xl names them.
const char* shutdown_reason_name(std::uint32_t reason);

}  // namespace ring3
