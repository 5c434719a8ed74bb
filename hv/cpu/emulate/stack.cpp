// SPDX-License-Identifier: MIT
// PUSHF, POPF, IRET, far returns, ENTER, INT n, SYSCALL: what moves flags, code segments or frames.
#include <Zydis/Mnemonic.h>

#include "hv/cpu/emulate/emulate.hpp"

namespace ring3 {
namespace {

/// What code at ring 3 with IOPL 0 may change (SDM vol. 2, POPF).
constexpr std::uint64_t user_flags =
    rflags::arithmetic | rflags::tf | rflags::df | rflags::nt | rflags::ac | rflags::id;

bool has_operand_size_prefix(const Insn& insn) { return insn.operand_size == 2; }

void set_flags(CpuState& state, std::uint64_t value, std::uint64_t writable) {
    state.rflags = (state.rflags & ~writable) | (value & writable) | rflags::fixed;
}

Emulated pushf(const Insn& insn, EmulationContext& c) {
    auto& rsp = c.state.reg(Gpr::rsp);
    const std::uint64_t image =
        (c.state.rflags | rflags::interrupt) & ~(rflags::rf | rflags::vm | rflags::iopl);
    if (has_operand_size_prefix(insn)) {
        if (!c.memory.store({rsp - 2}, static_cast<std::uint16_t>(image))) return memory_fault(c);
        rsp -= 2;
    } else {
        if (!c.memory.store({rsp - 8}, image)) return memory_fault(c);
        rsp -= 8;
    }
    return retire(insn, c);
}

Emulated popf(const Insn& insn, EmulationContext& c) {
    auto& rsp = c.state.reg(Gpr::rsp);
    if (has_operand_size_prefix(insn)) {
        std::uint16_t image = 0;
        if (!c.memory.load({rsp}, image)) return memory_fault(c);
        rsp += 2;
        set_flags(c.state, image, user_flags & 0xffff);
    } else {
        std::uint64_t image = 0;
        if (!c.memory.load({rsp}, image)) return memory_fault(c);
        rsp += 8;
        set_flags(c.state, image, user_flags);
    }
    return retire(insn, c);
}

/// A code segment that this engine can run: 64-bit, present, ring 3.
std::optional<Emulated> refuse_code_segment(EmulationContext& c, std::uint16_t selector,
                                            const Insn& insn) {
    const auto error = static_cast<std::uint32_t>(selector & ~3u);
    if (error == 0) return general_protection(0);
    // Both modes are ring 3, so a frame that asks for another ring is refused (SDM vol. 2, IRET).
    if ((selector & 3) != 3) return general_protection(error);
    const auto descriptor = c.environment.descriptor(c.state, selector);
    if (!descriptor) return general_protection(error);
    const bool code = (*descriptor >> 43 & 3) == 3;
    if (!code) return general_protection(error);
    if ((*descriptor >> 47 & 1) == 0) return fault_exception(11, error);
    const bool long_mode = (*descriptor >> 53 & 1) != 0;
    if (long_mode) return {};
    Exit exit;
    exit.reason = Exit::Reason::not_built;
    exit.text =
        "a switch to a 32-bit code segment (i386 user code) by " + disassemble(insn, {c.state.rip});
    return Emulated{0, exit};
}

Emulated iret(const Insn& insn, EmulationContext& c) {
    const std::uint64_t rsp = c.state.reg(Gpr::rsp);
    std::uint64_t frame[5] = {};
    if (insn.operand_size == 8) {
        if (!c.memory.load({rsp}, frame)) return memory_fault(c);
    } else if (insn.operand_size == 4) {
        std::uint32_t narrow[5] = {};
        if (!c.memory.load({rsp}, narrow)) return memory_fault(c);
        for (std::size_t i = 0; i < 5; ++i) frame[i] = narrow[i];
    } else {
        std::uint16_t narrow[5] = {};
        if (!c.memory.load({rsp}, narrow)) return memory_fault(c);
        for (std::size_t i = 0; i < 5; ++i) frame[i] = narrow[i];
    }
    if ((c.state.rflags & rflags::nt) != 0) return general_protection();
    const auto cs = static_cast<std::uint16_t>(frame[1]);
    if (auto refused = refuse_code_segment(c, cs, insn)) return *refused;
    if (!is_canonical({frame[0]})) return general_protection();
    c.state.rip = frame[0];
    c.state.sel(Segment::cs) = cs;
    set_flags(c.state, frame[2], user_flags | rflags::rf);
    c.state.reg(Gpr::rsp) = frame[3];
    c.state.sel(Segment::ss) = static_cast<std::uint16_t>(frame[4]);
    return {1, {}};
}

Emulated far_return(const Insn& insn, EmulationContext& c) {
    auto& rsp = c.state.reg(Gpr::rsp);
    std::uint64_t rip = 0, cs = 0;
    const unsigned size = insn.operand_size;
    const auto load = [&](std::uint64_t at, std::uint64_t& value) {
        return c.memory.read({at}, std::as_writable_bytes(std::span{&value, 1}).first(size));
    };
    if (!load(rsp, rip) || !load(rsp + size, cs)) return memory_fault(c);
    const auto selector = static_cast<std::uint16_t>(cs);
    if (auto refused = refuse_code_segment(c, selector, insn)) return *refused;
    if (!is_canonical({rip})) return general_protection();
    c.state.rip = rip;
    c.state.sel(Segment::cs) = selector;
    rsp += 2 * size + (static_cast<std::uint64_t>(insn.immediate) & 0xffff);
    return {1, {}};
}

/// With an operand size of 16 bits frame pointers are pushed and kept as words; RSP moves as ever.
Emulated enter(const Insn& insn, EmulationContext& c) {
    auto& rsp = c.state.reg(Gpr::rsp);
    auto& rbp = c.state.reg(Gpr::rbp);
    const unsigned size = insn.operand_size == 2 ? 2 : 8;
    const std::uint64_t bytes = insn.bytes[insn.opcode_offset + 1u] |
                                static_cast<std::uint64_t>(insn.bytes[insn.opcode_offset + 2u])
                                    << 8;
    const unsigned level = insn.bytes[insn.opcode_offset + 3u] & 31u;
    std::uint64_t to = rsp;
    const auto push = [&](std::uint64_t value) {
        to -= size;
        return c.memory.write({to}, std::as_bytes(std::span{&value, 1}).first(size));
    };
    if (!push(rbp)) return memory_fault(c);
    const std::uint64_t frame = to;
    for (unsigned i = 1; i < level; ++i) {
        std::uint64_t outer = 0;
        const auto into = std::as_writable_bytes(std::span{&outer, 1}).first(size);
        if (!c.memory.read({rbp - size * i}, into) || !push(outer)) return memory_fault(c);
    }
    if (level > 0 && !push(frame)) return memory_fault(c);
    // The stack must be writable where RSP will stand (SDM vol. 2, ENTER).
    std::byte there{};
    if (!c.memory.load({to - bytes}, there) || !c.memory.store({to - bytes}, there)) {
        return memory_fault(c);
    }
    write_register(c.state, static_cast<int>(Gpr::rbp), size, frame);
    rsp = to - bytes;
    return retire(insn, c);
}

}  // namespace

std::optional<Emulated> emulate_stack(const Insn& insn, EmulationContext& c) {
    switch (insn.mnemonic) {
        case ZYDIS_MNEMONIC_PUSHF:
        case ZYDIS_MNEMONIC_PUSHFD:
        case ZYDIS_MNEMONIC_PUSHFQ:
            return pushf(insn, c);
        case ZYDIS_MNEMONIC_POPF:
        case ZYDIS_MNEMONIC_POPFD:
        case ZYDIS_MNEMONIC_POPFQ:
            return popf(insn, c);
        case ZYDIS_MNEMONIC_IRET:
        case ZYDIS_MNEMONIC_IRETD:
        case ZYDIS_MNEMONIC_IRETQ:
            return iret(insn, c);
        case ZYDIS_MNEMONIC_RET:
            return far_return(insn, c);
        case ZYDIS_MNEMONIC_ENTER:
            return enter(insn, c);
        case ZYDIS_MNEMONIC_INT:
            return leave_with(insn, c, Exit::Reason::interrupt,
                              static_cast<std::uint8_t>(insn.bytes[insn.length - 1u]));
        case ZYDIS_MNEMONIC_INT3:
            return leave_with(insn, c, Exit::Reason::interrupt, 3);
        case ZYDIS_MNEMONIC_INT1:
            return leave_with(insn, c, Exit::Reason::interrupt, 1);
        case ZYDIS_MNEMONIC_SYSCALL: {
            c.state.reg(Gpr::rcx) = c.state.rip + insn.length;
            c.state.reg(Gpr::r11) = (c.state.rflags | rflags::interrupt) & ~rflags::rf;
            return leave_with(insn, c, Exit::Reason::syscall);
        }
        case ZYDIS_MNEMONIC_SYSENTER:
            return fault_exception(6);  // not in 64-bit mode on the vendor that the model names
        case ZYDIS_MNEMONIC_SYSRET:
        case ZYDIS_MNEMONIC_SYSEXIT:
            return general_protection();
        default:
            return {};
    }
}

}  // namespace ring3
