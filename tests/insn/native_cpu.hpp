// SPDX-License-Identifier: MIT
// The oracle: executes single instructions on the host's own CPU, on a copy of a BareGuest's memory
// that stands at the guest's own addresses.
#pragma once

#include <cstdint>
#include <span>

#include "hv/cpu/state.hpp"
#include "tests/insn/bare_guest.hpp"

namespace ring3::test {

/// What one instruction did, natively or in an engine.
struct Outcome {
    static constexpr int no_exception = -1;

    CpuState state;
    int vector = no_exception;
    std::uint32_t error_code = 0;
    std::uint64_t address = 0;  ///< of a page fault
};

/// One at a time in a process: the guest's addresses exist once.
///
/// A signal handler puts the whole state of the test into its frame, with TF set: the kernel loads
/// it, the CPU executes one instruction and traps (or faults), and the next signal's frame holds
/// the outcome. So no code of ours has to load or store registers around the instruction.
class NativeCpu {
public:
    NativeCpu();
    ~NativeCpu();
    NativeCpu(const NativeCpu&) = delete;
    NativeCpu& operator=(const NativeCpu&) = delete;

    /// The instruction at state.rip, which must be in the mirror's code pages. All of its memory
    /// operands must be inside `reach`. TF, AC, NT and ID of `state` are not loaded.
    Outcome step(const CpuState& state);

    /// Whether the host can be made to go on with any RSP. Some (PVM) raise #GP where it is not
    /// canonical.
    static bool takes_any_rsp();

    /// The mirror of all pages of the guest.
    static std::span<std::uint8_t> memory() {
        return {reinterpret_cast<std::uint8_t*>(BareGuest::base), BareGuest::pages * page_size};
    }
    /// Takes the right to write (or all rights) from pages of the mirror; `protect(.., true, true)`
    /// gives them back.
    static void protect(std::uint64_t address, std::size_t bytes, bool readable, bool writable);

    /// Pages on both sides of the mirror that nothing else is mapped to.
    static constexpr std::uint64_t margin = 0x8'0000;
    static bool in_reach(std::uint64_t address, std::uint64_t size) {
        constexpr std::uint64_t last = BareGuest::end + margin;
        return address >= BareGuest::base - margin && address <= last && size <= last - address;
    }
};

}  // namespace ring3::test
