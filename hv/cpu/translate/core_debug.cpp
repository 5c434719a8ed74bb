// SPDX-License-Identifier: MIT
// TranslatorCore: single-stepping (TF) and the four hardware breakpoints (SDM vol. 3, 17.2).
#include <array>

#include "hv/cpu/translate/operands.hpp"
#include "hv/cpu/translate/translator_core.hpp"

namespace ring3 {
namespace {

constexpr std::uint64_t dr6_single_step = 1u << 14;

enum class BreakOn : unsigned { execute = 0, write = 1, port = 2, access = 3 };

struct Breakpoint {
    std::uint64_t address;
    std::uint64_t length;
    BreakOn on;
    bool enabled;
};

Breakpoint breakpoint(const CpuState& state, unsigned n) {
    const std::uint64_t dr7 = state.dr[7];
    // LEN: 1, 2, 8, 4 bytes.
    constexpr std::array<std::uint64_t, 4> lengths{1, 2, 8, 4};
    const std::uint64_t length = lengths[dr7 >> (18 + 4 * n) & 3];
    return {state.dr[n] & ~(length - 1), length, static_cast<BreakOn>(dr7 >> (16 + 4 * n) & 3),
            (dr7 >> (2 * n) & 3) != 0};
}

std::uint64_t execution_hits(const CpuState& state) {
    std::uint64_t hits = 0;
    for (unsigned n = 0; n < 4; ++n) {
        const Breakpoint b = breakpoint(state, n);
        if (b.enabled && b.on == BreakOn::execute && b.address == state.rip) hits |= 1u << n;
    }
    return hits;
}

std::uint64_t data_hits(const CpuState& state, std::span<const Operand> operands) {
    std::uint64_t hits = 0;
    for (unsigned n = 0; n < 4; ++n) {
        const Breakpoint b = breakpoint(state, n);
        if (!b.enabled || (b.on != BreakOn::write && b.on != BreakOn::access)) continue;
        for (const Operand& o : operands) {
            if (b.on == BreakOn::write && !o.write) continue;
            if (o.address.raw < b.address + b.length && b.address < o.address.raw + o.size) {
                hits |= 1u << n;
            }
        }
    }
    return hits;
}

Exit debug_exception() {
    Exit exit;
    exit.reason = Exit::Reason::exception;
    exit.vector = 1;
    return exit;
}

}  // namespace

bool TranslatorCore::wants_single_steps(const CpuState& state) const {
    constexpr std::uint64_t enabled_breakpoints = 0xff;
    return (state.rflags & (rflags::tf | rflags::rf)) != 0 ||
           (state.dr[7] & enabled_breakpoints) != 0;
}

/// One instruction, with what the debug registers and TF ask for before and after it.
std::optional<Exit> TranslatorCore::debug_step(CpuState& state, Environment& environment) {
    const bool resume = (state.rflags & rflags::rf) != 0;
    if (!resume) {
        if (const std::uint64_t hits = execution_hits(state)) {
            state.dr[6] |= hits;
            return debug_exception();
        }
    }
    Exit fetch_fault;
    const auto insn = insn_at({state.rip}, state.kernel_mode, fetch_fault);
    if (!insn) return fetch_fault;
    std::array<Operand, 2> operands;
    const std::size_t count = operands_of(*insn, state, operands);
    std::uint64_t hits = data_hits(state, std::span(operands).first(count));
    if ((state.rflags & rflags::tf) != 0) hits |= dr6_single_step;

    const std::uint64_t before = state.retired;
    context_->budget = 1;
    auto exit = run_blocks(state, environment);
    if (state.retired == before) return exit;
    state.rflags &= ~rflags::rf;
    if (hits == 0 || (exit && exit->reason != Exit::Reason::budget_spent)) return exit;
    state.dr[6] |= hits;
    return debug_exception();
}

}  // namespace ring3
