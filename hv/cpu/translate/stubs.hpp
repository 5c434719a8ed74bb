// SPDX-License-Identifier: MIT
// The few pieces of host code between C++ and blocks: entering, leaving, the slow path of memory
// operands, loading the guest's FPU state.
#pragma once

#include <cstdint>
#include <vector>

#include "hv/cpu/translate/context.hpp"
#include "hv/cpu/translate/translate.hpp"

namespace ring3 {

/// Called from a block, with all guest state in the Context; 0: the block is left.
using Helper = std::uint64_t (*)(void* owner);
struct Helpers {
    Helper access = nullptr;  ///< an operand missed the TLB; answers its host address
    Helper region = nullptr;  ///< an address is in a region without a window; not 0: now it has one
    Helper refused = nullptr;  ///< the host's MMU refused one in a window; not 0: try again
};

struct Stubs {
    StubAddresses addresses;
    /// void enter(): jumps to Context::entry, and returns when a block leaves. The GS base must be
    /// the Context.
    std::uint64_t enter = 0;
    /// Entries that go through the jump cache of user mode and kernel mode to Context::target.
    std::uint64_t lookup[2] = {};
    /// Where the signal handler sends a block that trapped.
    std::uint64_t trap = 0;
    /// And one that the host's MMU refused an access.
    std::uint64_t refused = 0;
};

/// Emits the stubs as they will stand at `base`.
std::vector<std::uint8_t> make_stubs(std::uint64_t base, const Helpers& helpers,
                                     const HostFeatures& host, IsaLevel level, Stubs& out);

}  // namespace ring3
