// SPDX-License-Identifier: MIT
#include "hv/cpu/translate/operands.hpp"

#include "hv/cpu/emulate/emulate.hpp"

namespace ring3 {

std::size_t operands_of(const Insn& insn, const CpuState& state, std::array<Operand, 2>& out) {
    std::size_t n = 0;
    const std::uint64_t rsp = state.reg(Gpr::rsp);
    const std::size_t width = insn.operand_size == 2 ? 2 : 8;
    const auto explicit_operand = [&](bool read, bool write, std::size_t size, int delta = 0) {
        const bool stack = insn.memory.base == static_cast<int>(Gpr::rsp) ||
                           insn.memory.base == static_cast<int>(Gpr::rbp);
        out[n++] = {effective_address(insn, state, delta), size, read, write,
                    stack && !insn.memory.fs && !insn.memory.gs};
    };
    switch (insn.form) {
        case Form::plain:
            if (insn.has_memory) explicit_operand(true, insn.memory.write, insn.memory.size);
            break;
        case Form::push:
            if (insn.has_memory) explicit_operand(true, false, width);
            out[n++] = {{rsp - width}, width, false, true, true};
            break;
        case Form::pop:
            out[n++] = {{rsp}, width, true, false, true};
            if (insn.has_memory) explicit_operand(false, true, width, static_cast<int>(width));
            break;
        case Form::leave:
            out[n++] = {{state.reg(Gpr::rbp)}, width, true, false, true};
            break;
        case Form::call_indirect:
            if (insn.has_memory) explicit_operand(true, false, 8);
            [[fallthrough]];
        case Form::call:
            out[n++] = {{rsp - 8}, 8, false, true, true};
            break;
        case Form::jump_indirect:
            if (insn.has_memory) explicit_operand(true, false, 8);
            break;
        case Form::ret:
            out[n++] = {{rsp}, 8, true, false, true};
            break;
        default:
            break;
    }
    return n;
}

}  // namespace ring3
