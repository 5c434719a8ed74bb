// SPDX-License-Identifier: MIT
// TranslatorCore: one instruction on copies of its memory operands, for operands that cross pages,
// page tables, frames with translated code, and for faults.
#include <cstring>

#include "hv/base/check.hpp"
#include "hv/cpu/translate/operands.hpp"
#include "hv/cpu/translate/translator_core.hpp"

namespace ring3 {

/// Runs the bounced block of the instruction at RIP; false: the host raised an exception.
bool TranslatorCore::run_bounced(const Block& block, CpuState& state) {
    load(state);
    context_->budget = 1;
    enter(block.direct_entry);
    const bool trapped = static_cast<Leave>(context_->leave) == Leave::trap;
    if (trapped) {
        const InsnSite& site = block.sites.front();
        for (std::size_t i = 0; i < 2; ++i) {
            if (site.borrowed[i] == no_register) continue;
            context_->gpr[static_cast<std::size_t>(site.borrowed[i])] = context_->borrowed[i];
        }
    }
    store(state);
    return !trapped;
}

/// SSE operands (and CMPXCHG16B's) must be aligned, and that comes before their page faults. Which
/// instructions ask for it is tried: on zeroes, at the same place in a cache line.
bool TranslatorCore::refuses_alignment(const Block& block, const CpuState& state,
                                       const Operand& operand) {
    if (operand.size < 16 || operand.address.raw % operand.size == 0) return false;
    CpuState trial = state;
    std::byte* const copy = bounce_buffers_.data() + (operand.address.raw & 63);
    std::memset(copy, 0, operand.size);
    context_->bounce[0] = reinterpret_cast<std::uint64_t>(copy);
    constexpr std::uint32_t general_protection = 13;
    return !run_bounced(block, trial) && context_->trap_vector == general_protection;
}

/// Copies the operands to where the bounced block finds them; otherwise the fault.
std::optional<Exit> TranslatorCore::copy_operands(std::span<const Operand> operands) {
    for (std::size_t i = 0; i < operands.size(); ++i) {
        const Operand& operand = operands[i];
        const Vaddr last = operand.address + (operand.size - 1);
        if (!is_canonical(operand.address) || !is_canonical(last)) {
            Exit exit;
            exit.reason = Exit::Reason::exception;
            exit.vector = operand.stack ? 12 : 13;
            exit.has_error_code = true;
            return exit;
        }
        HV_CHECK(operand.size <= 512, "larger operands are emulated");
        // All rights first: an instruction that faults has no effect.
        for (const Vaddr part : {operand.address, page_of(last)}) {
            if (part != operand.address && page_of(last) == page_of(operand.address)) continue;
            WalkResult found;
            if (!translate(part, operand.write ? Access::write : Access::read, found))
                return failure;
        }
        // At the same place in a cache line, so that alignment is checked as for the guest's own.
        std::byte* const copy = bounce_buffers_.data() + 1024 * i + (operand.address.raw & 63);
        context_->bounce[i] = reinterpret_cast<std::uint64_t>(copy);
        if (!read(operand.address, {copy, operand.size})) return failure;
    }
    return {};
}

std::optional<Exit> TranslatorCore::bounce_at(CpuState& state, Environment& environment) {
    Exit stop;
    const auto insn = insn_at({state.rip}, state.kernel_mode, stop);
    if (!insn) return stop;
    if (insn->form == Form::bit_string) return emulate_insn(*insn, state, environment);
    std::array<Operand, 2> all_operands;
    const auto operands = std::span(all_operands).first(operands_of(*insn, state, all_operands));
    Block* const block = block_at({state.rip}, state.kernel_mode, Variant::bounced, stop);
    if (block == nullptr) return stop;
    if (insn->fpu && (state.cr0 & cr0::ts) != 0) {
        stop = Exit{};
        stop.reason = Exit::Reason::exception;
        stop.vector = 7;
        return stop;
    }
    if (const auto fault = copy_operands(operands)) {
        if (refuses_alignment(*block, state, operands[0])) return trapped(state);
        return fault;
    }
    const CpuState before = state;
    if (!run_bounced(*block, state)) return trapped(state);
    HV_CHECK(static_cast<Leave>(context_->leave) == Leave::bounced, "a bounced block ends in C++");
    for (std::size_t i = 0; i < operands.size(); ++i) {
        if (!operands[i].write) continue;
        const auto* copy = reinterpret_cast<const std::byte*>(context_->bounce[i]);
        if (!write(operands[i].address, {copy, operands[i].size})) {
            state = before;
            return failure;
        }
    }
    state.rip = context_->target;
    state.retired += 1;
    live_.reset();
    return {};
}

}  // namespace ring3
