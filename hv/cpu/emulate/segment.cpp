// SPDX-License-Identifier: MIT
// Segment registers: loads with their checks (SDM vol. 2, MOV; vol. 3, 5.6), stores, and the
// instructions that look at descriptors.
#include <Zydis/Mnemonic.h>

#include "hv/cpu/emulate/emulate.hpp"

namespace ring3 {
namespace {

constexpr std::uint64_t base_of(std::uint64_t descriptor) {
    return (descriptor >> 16 & 0xff'ffff) | (descriptor >> 56 & 0xff) << 24;
}
constexpr bool is_present(std::uint64_t d) { return (d >> 47 & 1) != 0; }
constexpr bool is_code_or_data(std::uint64_t d) { return (d >> 44 & 1) != 0; }
constexpr bool is_code(std::uint64_t d) { return (d >> 43 & 1) != 0; }
constexpr bool is_readable_or_writable(std::uint64_t d) { return (d >> 41 & 1) != 0; }
constexpr unsigned dpl(std::uint64_t d) { return d >> 45 & 3; }

/// Nothing: loaded. Otherwise the fault.
std::optional<Emulated> load_segment(EmulationContext& c, Segment segment, std::uint16_t selector) {
    const bool null = (selector & ~3u) == 0;
    const auto error = static_cast<std::uint32_t>(selector & ~3u);
    std::uint64_t base = 0;
    if (null) {
        // SS takes a null selector only below ring 3.
        if (segment == Segment::ss) return general_protection(0);
    } else {
        const auto d = c.environment.descriptor(c.state, selector);
        if (!d || !is_code_or_data(*d)) return general_protection(error);
        if (segment == Segment::ss) {
            if ((selector & 3) != 3 || dpl(*d) != 3 || is_code(*d) ||
                !is_readable_or_writable(*d)) {
                return general_protection(error);
            }
            if (!is_present(*d)) return fault_exception(12, error);
        } else {
            if (is_code(*d) && !is_readable_or_writable(*d)) return general_protection(error);
            if (dpl(*d) != 3) return general_protection(error);
            if (!is_present(*d)) return fault_exception(11, error);
        }
        base = base_of(*d);
    }
    c.state.sel(segment) = selector;
    if (segment == Segment::fs) c.state.fs_base = base;
    if (segment == Segment::gs) c.state.gs_base = base;
    return {};
}

/// The segment register that ModRM.reg names.
Segment segment_field(const Insn& insn) {
    return static_cast<Segment>(insn.bytes[insn.modrm_offset] >> 3 & 7);
}

Emulated move_to_segment(const Insn& insn, EmulationContext& c) {
    std::uint16_t selector = 0;
    if (insn.has_memory) {
        if (!c.memory.load(effective_address(insn, c.state), selector)) return memory_fault(c);
    } else {
        selector = static_cast<std::uint16_t>(read_field(c.state, insn.rm));
    }
    const Segment segment = segment_field(insn);
    if (segment == Segment::cs || static_cast<unsigned>(segment) > 5) return fault_exception(6);
    if (auto refused = load_segment(c, segment, selector)) return *refused;
    return retire(insn, c);
}

Emulated move_from_segment(const Insn& insn, EmulationContext& c) {
    const Segment segment = segment_field(insn);
    if (static_cast<unsigned>(segment) > 5) return fault_exception(6);
    const std::uint16_t selector = c.state.sel(segment);
    if (insn.has_memory) {
        if (!c.memory.store(effective_address(insn, c.state), selector)) return memory_fault(c);
    } else {
        write_register(c.state, insn.rm.number, insn.operand_size, selector);
    }
    return retire(insn, c);
}

/// PUSH and POP of FS and GS: 0F A0, A1, A8, A9.
Emulated push_pop(const Insn& insn, EmulationContext& c) {
    const std::uint8_t opcode = insn.bytes[insn.opcode_offset + 1u];
    const Segment segment = opcode < 0xa8 ? Segment::fs : Segment::gs;
    auto& rsp = c.state.reg(Gpr::rsp);
    const unsigned size = insn.operand_size == 2 ? 2 : 8;
    std::uint64_t value = c.state.sel(segment);
    const auto bytes = std::as_writable_bytes(std::span{&value, 1}).first(size);
    if ((opcode & 1) == 0) {
        if (!c.memory.write({rsp - size}, bytes)) return memory_fault(c);
        rsp -= size;
        return retire(insn, c);
    }
    if (!c.memory.read({rsp}, bytes)) return memory_fault(c);
    if (auto refused = load_segment(c, segment, static_cast<std::uint16_t>(value))) return *refused;
    rsp += size;
    return retire(insn, c);
}

/// LFS, LGS, LSS: a pointer with its selector behind it.
Emulated load_far_pointer(const Insn& insn, EmulationContext& c, Segment segment) {
    const Vaddr at = effective_address(insn, c.state);
    const unsigned size = insn.operand_size;
    std::uint64_t offset = 0;
    std::uint16_t selector = 0;
    if (!c.memory.read(at, std::as_writable_bytes(std::span{&offset, 1}).first(size)) ||
        !c.memory.load(at + size, selector)) {
        return memory_fault(c);
    }
    if (auto refused = load_segment(c, segment, selector)) return *refused;
    write_register(c.state, insn.reg.number, size, offset);
    return retire(insn, c);
}

/// The source selector of LAR, LSL, VERR, VERW.
bool read_selector(const Insn& insn, EmulationContext& c, std::uint16_t& selector) {
    if (insn.has_memory) return c.memory.load(effective_address(insn, c.state), selector);
    selector = static_cast<std::uint16_t>(read_field(c.state, insn.rm));
    return true;
}

Emulated look_at_descriptor(const Insn& insn, EmulationContext& c) {
    std::uint16_t selector = 0;
    if (!read_selector(insn, c, selector)) return memory_fault(c);
    std::optional<std::uint64_t> d;
    if ((selector & ~3u) != 0) d = c.environment.descriptor(c.state, selector);
    bool valid = d.has_value() && is_code_or_data(*d) && dpl(*d) == 3;
    if (valid && insn.mnemonic == ZYDIS_MNEMONIC_VERR) {
        valid = !is_code(*d) || is_readable_or_writable(*d);
    }
    if (valid && insn.mnemonic == ZYDIS_MNEMONIC_VERW) {
        valid = !is_code(*d) && is_readable_or_writable(*d);
    }
    c.state.rflags &= ~rflags::zf;
    if (valid) {
        c.state.rflags |= rflags::zf;
        if (insn.mnemonic == ZYDIS_MNEMONIC_LAR) {
            write_register(c.state, insn.reg.number, insn.operand_size, *d >> 32 & 0xf0'ff00);
        } else if (insn.mnemonic == ZYDIS_MNEMONIC_LSL) {
            std::uint64_t limit = (*d & 0xffff) | (*d >> 32 & 0xf'0000);
            if ((*d >> 55 & 1) != 0) limit = limit << 12 | 0xfff;
            write_register(c.state, insn.reg.number, insn.operand_size, limit);
        }
    }
    return retire(insn, c);
}

}  // namespace

std::optional<Emulated> emulate_segment(const Insn& insn, EmulationContext& c) {
    switch (insn.mnemonic) {
        case ZYDIS_MNEMONIC_MOV:
            if (insn.bytes[insn.opcode_offset] == 0x8e) return move_to_segment(insn, c);
            if (insn.bytes[insn.opcode_offset] == 0x8c) return move_from_segment(insn, c);
            return {};
        case ZYDIS_MNEMONIC_PUSH:
        case ZYDIS_MNEMONIC_POP:
            return push_pop(insn, c);
        case ZYDIS_MNEMONIC_LFS:
            return load_far_pointer(insn, c, Segment::fs);
        case ZYDIS_MNEMONIC_LGS:
            return load_far_pointer(insn, c, Segment::gs);
        case ZYDIS_MNEMONIC_LSS:
            return load_far_pointer(insn, c, Segment::ss);
        case ZYDIS_MNEMONIC_LAR:
        case ZYDIS_MNEMONIC_LSL:
        case ZYDIS_MNEMONIC_VERR:
        case ZYDIS_MNEMONIC_VERW:
            return look_at_descriptor(insn, c);
        default:
            return {};
    }
}

}  // namespace ring3
