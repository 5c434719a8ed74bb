// SPDX-License-Identifier: MIT
// Exceptions that translated code raises on the host (a misaligned SSE operand, a division by zero,
// an unmasked floating-point exception) come as signals; they become guest exceptions.
#pragma once

#include <cstdint>

#include "hv/cpu/translate/context.hpp"
#include "hv/cpu/translate/stubs.hpp"

namespace ring3 {

/// While it lives, this thread's signals inside of translated code go to the stubs.
class TrapScope {
public:
    /// Code in [first, last) is translated code.
    TrapScope(std::uint64_t first, std::uint64_t last, const Stubs& stubs);
    ~TrapScope();
    TrapScope(const TrapScope&) = delete;
    TrapScope& operator=(const TrapScope&) = delete;

    /// The code's GS base is this from now on.
    void belong_to(Context& context);
};

/// Makes `context` the GS base of this thread.
void load_gs_base(const Context& context, bool fsgsbase);

}  // namespace ring3
