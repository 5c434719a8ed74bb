// SPDX-License-Identifier: MIT
// This terminal on the console of a guest of a machine in the background.
#pragma once

#include "hv/control/client.hpp"

namespace ring3 {

/// Runs the stream that a request has begun, until the guest has ended or the user leaves it by
/// Ctrl-] or a signal. Standard input may be a file or a pipe as well: its end leaves the console
/// attached. The result is the process's exit code: 0, or 6 when the guest crashed.
int attach_console(Client& client);

}  // namespace ring3
