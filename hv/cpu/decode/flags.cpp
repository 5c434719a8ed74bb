// SPDX-License-Identifier: MIT
#include "hv/cpu/decode/flags.hpp"

#include <algorithm>

namespace ring3 {

const Insn* FlagScan::insn(std::uint32_t offset) {
    if (offset >= page_.size()) return nullptr;
    const auto found = insns_.find(offset);
    if (found != insns_.end()) return &found->second;
    Insn decoded;
    const bool complete = decode(page_.subspan(offset), level_, decoded);
    first_ = std::min(first_, offset);
    last_ = std::max(last_,
                     complete ? offset + decoded.length : static_cast<std::uint32_t>(page_.size()));
    if (!complete) return nullptr;
    return &insns_.emplace(offset, decoded).first->second;
}

std::uint32_t FlagScan::live(std::uint32_t offset, unsigned budget) {
    constexpr auto all = static_cast<std::uint32_t>(rflags::arithmetic);
    std::uint32_t pending = all;  // neither read nor overwritten so far
    std::uint32_t read = 0;
    while (budget-- > 0) {
        const Insn* next = insn(offset);
        if (next == nullptr) return read | pending;
        read |= next->flags_read & pending;
        pending &= ~(next->flags_killed | next->flags_read);
        if (pending == 0) return read;
        switch (next->form) {
            case Form::jump:
                // A target outside of the page wraps to a huge offset, which insn() refuses.
                offset = static_cast<std::uint32_t>(offset + next->length + next->immediate);
                continue;
            case Form::jump_if: {
                const auto target =
                    static_cast<std::uint32_t>(offset + next->length + next->immediate);
                const auto behind = offset + next->length;
                return read | (pending & (live(target, budget / 2) | live(behind, budget / 2)));
            }
            default:
                if (next->ends_block()) return read | pending;
                offset += next->length;
        }
    }
    return read | pending;
}

}  // namespace ring3
