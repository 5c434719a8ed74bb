// SPDX-License-Identifier: MIT
// The few pieces of host code between C++ and blocks: entering, leaving, the slow path of memory
// operands, loading the guest's FPU state.
#pragma once

#include <cstdint>
#include <vector>

#include "hv/cpu/translate/context.hpp"
#include "hv/cpu/translate/translate.hpp"

namespace ring3 {

/// Called for a memory operand that missed the TLB, with all guest state in the Context. Answers
/// the operand's host address, or 0 to leave the block.
using AccessHelper = std::uint64_t (*)(void* owner);

struct Stubs {
    StubAddresses addresses;
    /// void enter(): jumps to Context::entry, and returns when a block leaves. The GS base must be
    /// the Context.
    std::uint64_t enter = 0;
    /// Entries that go through the jump cache of user mode and kernel mode to Context::target.
    std::uint64_t lookup[2] = {};
    /// Where the signal handler sends a block that trapped.
    std::uint64_t trap = 0;
};

/// Emits the stubs as they will stand at `base`.
std::vector<std::uint8_t> make_stubs(std::uint64_t base, AccessHelper helper,
                                     const HostFeatures& host, IsaLevel level, Stubs& out);

}  // namespace ring3
