// SPDX-License-Identifier: MIT
// Kernels of a few instructions for machines under test, and a machine file for them.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "hv/machine/guest.hpp"
#include "hv/machine/machine.hpp"
#include "hv/machine/outside.hpp"

namespace ring3::test {

using Code = std::vector<std::uint8_t>;

/// SCHEDOP_shutdown with this reason.
Code shuts_down(std::uint32_t reason);
/// Writes one character to its console, tells nobody, and shuts down (SHUTDOWN_poweroff).
Code prints(char character);
/// Runs without end.
Code spins();
/// An undefined instruction, with no handler for it.
Code crashes();
/// Sleeps with no timer set and nothing pending.
Code sleeps();
/// Prints '>', then what is typed, until a 'q' is.
Code echoes();

/// The path of a kernel file with this code, which lives as long as the process.
std::string small_kernel(const Code& code);

/// A guest of 8 MiB with this code as its kernel.
GuestSpec small_guest(const Code& code, const std::string& name = "small");

/// 64 MiB, virtual time, 5 ms of silence before a line of input.
MachineConfig small_machine();

/// Never wants to stop by itself.
class Patient : public Outside {
public:
    bool wants_stop() override { return stop || (stop_when && stop_when()); }
    void prepare(std::vector<pollfd>&, Duration& at_most) override {
        // A wait, which takes no time here, or a look.
        waits_ = at_most > Duration::zero();
        if (waits_) waits.push_back(at_most);
        at_most = Duration::zero();
    }
    void dispatch(std::span<const pollfd>) override {
        if (waits_ && on_wait) on_wait();
        if (!waits_ && on_look) on_look();
    }
    bool stop = false;
    std::function<bool()> stop_when;
    std::function<void()> on_wait, on_look;
    std::vector<Duration> waits;

private:
    bool waits_ = false;
};

}  // namespace ring3::test
