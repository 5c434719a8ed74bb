// SPDX-License-Identifier: MIT
#include "hv/cpu/emulate/emulate.hpp"

#include <fmt/format.h>

namespace ring3 {

Emulated fault_exception(std::uint8_t vector, std::optional<std::uint32_t> error_code) {
    Exit exit;
    exit.reason = Exit::Reason::exception;
    exit.vector = vector;
    exit.has_error_code = error_code.has_value();
    exit.error_code = error_code.value_or(0);
    return {0, exit};
}

Emulated general_protection(std::uint32_t error_code) { return fault_exception(13, error_code); }

Emulated memory_fault(const EmulationContext& c) { return {0, c.memory.failure}; }

Emulated retire(const Insn& insn, EmulationContext& c) {
    c.state.rip += insn.length;
    return {1, {}};
}

Emulated leave_with(const Insn& insn, EmulationContext& c, Exit::Reason reason,
                    std::uint8_t vector) {
    Exit exit;
    exit.reason = reason;
    exit.vector = vector;
    exit.length = insn.length;
    c.state.rip += insn.length;
    return {1, exit};
}

Vaddr effective_address(const Insn& insn, const CpuState& state, int stack_delta,
                        std::uint64_t offset) {
    const auto& m = insn.memory;
    std::uint64_t sum = static_cast<std::uint64_t>(m.displacement) + offset;
    if (m.rip_relative) sum += state.rip + insn.length;
    if (m.base != no_register) sum += state.gpr[static_cast<std::size_t>(m.base)];
    if (m.base == static_cast<int>(Gpr::rsp)) sum += static_cast<std::uint64_t>(stack_delta);
    if (m.index != no_register) sum += state.gpr[static_cast<std::size_t>(m.index)] * m.scale;
    if (m.address32) sum &= 0xffff'ffff;
    if (m.fs) sum += state.fs_base;
    if (m.gs) sum += state.gs_base;
    return {sum};
}

std::uint64_t read_field(const CpuState& state, const RegisterField& field) {
    const std::uint64_t value = state.gpr[static_cast<std::size_t>(field.number)];
    switch (field.size) {
        case 1:
            return (field.high_byte ? value >> 8 : value) & 0xff;
        case 2:
            return value & 0xffff;
        case 4:
            return value & 0xffff'ffff;
        default:
            return value;
    }
}

void write_register(CpuState& state, int number, unsigned size, std::uint64_t value) {
    auto& r = state.gpr[static_cast<std::size_t>(number)];
    switch (size) {
        case 1:
            r = (r & ~std::uint64_t{0xff}) | (value & 0xff);
            break;
        case 2:
            r = (r & ~std::uint64_t{0xffff}) | (value & 0xffff);
            break;
        case 4:
            r = value & 0xffff'ffff;
            break;
        default:
            r = value;
    }
}

namespace {

/// RSP and RBP as a base, and what pushes and pops without a memory operand.
bool is_in_stack_segment(const Insn& insn) {
    if (!insn.has_memory) return true;
    const auto& m = insn.memory;
    const bool stack_base =
        m.base == static_cast<int>(Gpr::rsp) || m.base == static_cast<int>(Gpr::rbp);
    return stack_base && !m.fs && !m.gs;
}

}  // namespace

Emulated emulate(const Insn& insn, EmulationContext& c) {
    using Handler = std::optional<Emulated> (*)(const Insn&, EmulationContext&);
    if (insn.form == Form::undefined) return fault_exception(6);
    if (insn.form == Form::emulated || insn.form == Form::rep_string ||
        insn.form == Form::bit_string) {
        c.memory.stack_segment = is_in_stack_segment(insn);
        for (const Handler handler :
             {emulate_sensitive, emulate_string, emulate_stack, emulate_segment, emulate_fpu_state,
              emulate_bits, emulate_vector, emulate_transcendental, emulate_approximation}) {
            if (auto done = handler(insn, c)) return *done;
        }
    }
    std::string bytes;
    for (std::size_t i = 0; i < insn.length; ++i) bytes += fmt::format("{:02x} ", insn.bytes[i]);
    Exit exit;
    exit.reason = Exit::Reason::not_built;
    exit.text = fmt::format("{}({})", bytes, disassemble(insn, {c.state.rip}));
    return {0, exit};
}

}  // namespace ring3
