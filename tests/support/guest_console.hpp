// SPDX-License-Identifier: MIT
// The console of a guest on a machine in the background, with a program at the keyboard.
#pragma once

#include <chrono>
#include <string>

#include "hv/control/client.hpp"

namespace ring3::test {

class GuestConsole {
public:
    using Seconds = std::chrono::seconds;

    struct Answer {
        int code = -1;       ///< the shell's $?
        std::string output;  ///< both streams, with plain line ends
    };

    explicit GuestConsole(const std::string& domain, const std::string& machine = "default");

    void type(const std::string& text);
    /// Waits until the guest shows this; what it showed before. Throws std::runtime_error, with
    /// what was shown, when it takes too long or the guest ends.
    std::string read_until(const std::string& text, Seconds at_most = Seconds{120});

    /// At the prompt of a guest with a disk of the image `base`: a shell that echoes nothing.
    void log_in();
    /// A command at that shell. It may be several words, not several lines.
    Answer run(const std::string& command, Seconds at_most = Seconds{120});
    /// The output of a command that must succeed, without its last line end.
    std::string output_of(const std::string& command, Seconds at_most = Seconds{120});
    /// Waits until the guest has ended; what it showed until then.
    std::string read_to_end(Seconds at_most = Seconds{120});

private:
    /// False: the guest has ended. Throws when the time is over.
    bool read_more(std::chrono::steady_clock::time_point deadline, const std::string& for_what);

    Client client_;
    std::string shown_;
    bool has_ended_ = false;
};

}  // namespace ring3::test
