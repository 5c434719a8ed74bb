// SPDX-License-Identifier: MIT
#include "hv/cpu/decode/flags.hpp"

#include <algorithm>

namespace ring3 {

FlagScan::FlagScan(Decoder& decoder) : decoder_(decoder), known_(2 * page_size) {
    insns_.reserve(2 * page_size);
}

void FlagScan::begin(std::span<const std::uint8_t> page) {
    page_ = page;
    insns_.clear();
    first_ = static_cast<std::uint32_t>(page_size);
    last_ = 0;
    if (++generation_ != 0) return;
    std::fill(known_.begin(), known_.end(), Known{});
    generation_ = 1;
}

FlagScan::Known& FlagScan::known(std::uint32_t offset) {
    Known& k = known_[offset];
    if (k.generation != generation_) k = {generation_, unknown, unknown};
    return k;
}

const Insn* FlagScan::insn(std::uint32_t offset) {
    if (offset >= page_.size()) return nullptr;
    Known& k = known(offset);
    if (k.insn != unknown) return &insns_[k.insn];
    Insn& decoded = insns_.emplace_back();
    const bool complete = decoder_.decode(page_.subspan(offset), decoded);
    first_ = std::min(first_, offset);
    last_ = std::max(last_,
                     complete ? offset + decoded.length : static_cast<std::uint32_t>(page_.size()));
    if (!complete) {
        insns_.pop_back();
        return nullptr;
    }
    k.insn = static_cast<std::uint16_t>(insns_.size() - 1);
    return &decoded;
}

std::uint32_t FlagScan::live(std::uint32_t offset) {
    if (offset >= page_.size()) return static_cast<std::uint32_t>(rflags::arithmetic);
    if (const std::uint16_t live_flags = known(offset).live; live_flags != unknown) {
        return live_flags;
    }
    const std::uint32_t flags = live(offset, scan_limit);
    // The six flags are among the low twelve bits.
    known(offset).live = static_cast<std::uint16_t>(flags);
    return flags;
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
            case Form::rep_string:
                offset += next->length;
                continue;
            default:
                if (next->ends_block()) return read | pending;
                offset += next->length;
        }
    }
    return read | pending;
}

}  // namespace ring3
