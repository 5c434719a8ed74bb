// SPDX-License-Identifier: MIT
// The terminal that a console is attached to: raw while it is, and as it was on every way out of
// the process; and the signals that ask the process to end.
#pragma once

#include <chrono>
#include <csignal>
#include <span>

#include <poll.h>

#include "hv/base/units.hpp"

namespace ring3 {

/// SIGINT, SIGTERM and SIGHUP ask for an orderly end; the second one ends the process at once.
/// Lives once in a process, from before the machine is made.
class StopSignals {
public:
    StopSignals();
    ~StopSignals();
    StopSignals(const StopSignals&) = delete;
    StopSignals& operator=(const StopSignals&) = delete;

    /// The first signal that came, 0 before.
    static int received();
    /// A file descriptor that is readable from the first signal on.
    int descriptor() const { return pipe_[0]; }

private:
    int pipe_[2];
};

/// Lets a change of the terminal's size end a wait, while it lives: also one that came between two
/// waits.
class WindowChanges {
public:
    WindowChanges();
    ~WindowChanges();
    WindowChanges(const WindowChanges&) = delete;
    WindowChanges& operator=(const WindowChanges&) = delete;

    /// poll(2), which a change of size ends.
    void wait(std::span<pollfd> descriptors, std::chrono::nanoseconds at_most) const;

private:
    /// Signals that were held back before; the change of size is held back but for waits.
    sigset_t before_{};
};

/// Puts a terminal into raw mode until the end of its life, or of the process by whatever signal
/// can be caught. Does nothing to what is no terminal.
class RawTerminal {
public:
    explicit RawTerminal(int descriptor);
    ~RawTerminal();
    RawTerminal(const RawTerminal&) = delete;
    RawTerminal& operator=(const RawTerminal&) = delete;

    bool is_raw() const { return raw_; }
    void restore();

private:
    bool raw_ = false;
};

}  // namespace ring3
