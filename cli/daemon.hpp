// SPDX-License-Identifier: MIT
// Starting a machine in the background: a process of its own, that is in a session of its own,
// keeps no terminal, and tells whoever started it when it is up, or why it is not.
#pragma once

#include <string>
#include <vector>

#include "hv/control/endpoint.hpp"
#include "hv/control/protocol.hpp"

namespace ring3 {

/// Starts `ring3 up --foreground OPTIONS...` in the background, and returns when its socket
/// answers. Throws what the start failed with.
void start_in_background(const Endpoint& endpoint, const std::vector<std::string>& options);

/// The other end, in that process: tells the one that waits. Once.
class ReadySignal final {
public:
    /// `descriptor` is that of --ready-fd; -1: nobody waits.
    explicit ReadySignal(int descriptor) : descriptor_(descriptor) {}
    ~ReadySignal();
    ReadySignal(const ReadySignal&) = delete;
    ReadySignal& operator=(const ReadySignal&) = delete;

    void tell_up() { tell({{"result", Json::object()}}); }
    void tell_error(const std::string& code, ExitCode exit, const std::string& message);

private:
    void tell(const Json& document);
    int descriptor_;
};

}  // namespace ring3
