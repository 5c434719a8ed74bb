// SPDX-License-Identifier: MIT
// A guest's console on this process's standard input and output, and the signals that end the run.
#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <vector>

#include "cli/terminal.hpp"
#include "hv/machine/outside.hpp"

namespace ring3 {

class Foreground final : public Outside {
public:
    /// Takes as many of the bytes as the guest has room for.
    using Type = std::function<std::size_t(std::span<const std::byte>)>;

    /// Ctrl-], as everywhere with Xen's consoles.
    static constexpr std::byte leave_key{0x1d};

    explicit Foreground(const StopSignals& signals, int input = 0, int output = 1)
        : signals_(signals), input_(input), output_(output) {}

    /// Hands input to the guest from now on, until its end, which leaves the guest running.
    /// `is_terminal`: the leave key ends the run.
    void attach_input(Type type, bool is_terminal);
    /// Writes all of it, however long that takes.
    void show(std::span<const std::byte> bytes);

    bool wants_stop() override;
    void prepare(std::vector<pollfd>& descriptors, Duration& at_most) override;
    void dispatch(std::span<const pollfd> descriptors) override;

    /// The leave key was pressed.
    bool has_left() const { return left_; }
    /// errno of a write that failed, 0 when none did.
    int output_error() const { return output_error_; }

private:
    /// Reads what has arrived, when there is nothing left to hand over.
    void read_input();
    bool listens() const { return type_ && !input_ended_ && pending_.empty(); }

    const StopSignals& signals_;
    const int input_;
    const int output_;
    Type type_;
    bool is_terminal_ = false;
    bool input_ended_ = false;
    bool left_ = false;
    int output_error_ = 0;
    /// Read, and not yet taken by the guest.
    std::vector<std::byte> pending_;
};

}  // namespace ring3
