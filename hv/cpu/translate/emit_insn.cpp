// SPDX-License-Identifier: MIT
// What each form of guest instruction becomes. Every one keeps faults precise: its memory operands
// are translated before it changes a guest register, and RSP moves last.
#include <bit>
#include <cstddef>

#include "hv/base/check.hpp"
#include "hv/cpu/translate/block_emitter.hpp"
#include "hv/cpu/translate/encode.hpp"

namespace ring3 {
namespace {

constexpr auto r11 = x86::r11;
constexpr auto rcx = x86::rcx;

const MemoryOperand stack_top{.base = static_cast<std::int8_t>(Gpr::rsp), .size = 8};

MemoryOperand below_stack_top(int bytes) {
    MemoryOperand m = stack_top;
    m.displacement = -bytes;
    return m;
}

bool fits_i32(std::uint64_t value) {
    return value == static_cast<std::uint64_t>(static_cast<std::int32_t>(value));
}

constexpr int guest_rcx = static_cast<int>(Gpr::rcx);
constexpr int guest_rsp = static_cast<int>(Gpr::rsp);

/// A guest register that stands in another host register while one instruction runs.
struct Temporary {
    int guest;
    std::uint8_t host;
    bool read, written;
};

/// RCX must be in the host's RCX where the instruction implies it, and where a byte register rules
/// out the REX prefix that R10 would need.
bool needs_temporary(const Insn& insn, int guest) {
    return is_spilled(guest) || (guest == guest_rcx && (insn.implicit_rcx || insn.high_byte));
}

/// Its only register operand is a spilled one, which it overwrites.
bool is_load_of_spilled(const Insn& insn) {
    return is_spilled(insn.reg.number) && !insn.reg.read && insn.reg.size >= 4 &&
           !insn.implicit_rcx && !insn.vvvv.used() && !insn.memory.write;
}

}  // namespace

bool BlockEmitter::instruction(const PlannedInsn& planned, std::uint32_t live_before,
                               std::uint32_t live_after) {
    const Insn& insn = *planned.insn;
    if (before_ != nullptr) keep_checked(*before_);
    before_ = &insn;
    const Vaddr behind = request_.page + (planned.offset + insn.length);
    const bool live = live_before != 0;
    rip_ = request_.page + planned.offset;
    origin_ = behind;
    operand_ = 0;
    ++emitted_;
    out_.sites.push_back({static_cast<std::uint16_t>(a_.offset()),
                          static_cast<std::uint16_t>(planned.offset),
                          {no_register, no_register},
                          static_cast<std::uint16_t>(live_before)});
    enter_group(planned, live);
    switch (insn.form) {
        case Form::plain: {
            const bool define = (insn.flags_undefined & live_after) != 0;
            // A shift by CL may shift its own count away.
            if (define && insn.implicit_rcx) {
                a_.mov(context_word(offsetof(Context, target)), gp(host_register::guest_rcx));
            }
            plain(insn, live);
            if (define) define_flags(insn);
            return true;
        }
        case Form::nop:
            return true;
        case Form::lea:
            lea(insn);
            return true;
        case Form::push:
            push(insn, live);
            return true;
        case Form::pop:
            pop(insn, live);
            return true;
        case Form::leave:
            leave(insn, live);
            return true;
        case Form::direction:
            a_.mov(context_word(offsetof(Context, direction)), insn.bytes[insn.opcode_offset] & 1);
            return true;
        case Form::call:
            push_address(behind.raw, live);
            go_to(behind + static_cast<std::uint64_t>(insn.immediate));
            return false;
        case Form::read_segment:
            read_segment(insn);
            return true;
        case Form::call_indirect:
            branch_target_operand(insn, live);
            a_.mov(context_word(offsetof(Context, target)), r11);
            push_address(behind.raw, live);
            a_.mov(r11, context_word(offsetof(Context, target)));
            jump_to_r11();
            return false;
        case Form::ret:
            ret(insn, live);
            return false;
        case Form::jump:
            if (planned.jumps_in_block) return true;
            go_to(behind + static_cast<std::uint64_t>(insn.immediate));
            return false;
        case Form::jump_indirect:
            branch_target_operand(insn, live);
            jump_to_r11();
            return false;
        case Form::jump_if: {
            const auto condition = static_cast<x86::CondCode>(insn.condition);
            const Vaddr target = behind + static_cast<std::uint64_t>(insn.immediate);
            if (emitted_ < insns_) {
                a_.j(condition, side_exit(target, insns_ - emitted_));
                return true;
            }
            if (is_linked_to(target)) {
                go_if(condition, target);
                go_to(behind);
                return false;
            }
            auto taken = a_.newLabel();
            a_.j(condition, taken);
            go_to(behind);
            a_.bind(taken);
            go_to(target);
            return false;
        }
        case Form::count_jump: {
            auto taken = a_.newLabel();
            auto not_taken = a_.newLabel();
            const auto opcode = insn.bytes[insn.opcode_offset];
            const auto count = gp(host_register::guest_rcx);
            const bool narrow = insn.memory.address32;
            if (opcode != 0xe3) {  // LOOPNE E0, LOOPE E1, LOOP E2
                if (narrow) {
                    a_.lea(count.r32(), x86::ptr(count, -1));
                } else {
                    a_.lea(count, x86::ptr(count, -1));
                }
                if (opcode == 0xe0) a_.jz(not_taken);
                if (opcode == 0xe1) a_.jnz(not_taken);
            }
            if (narrow) {
                a_.mov(x86::ecx, count.r32());
            } else {
                a_.mov(rcx, count);
            }
            a_.jecxz(rcx, opcode == 0xe3 ? taken : not_taken);
            auto far = a_.newLabel();
            if (opcode == 0xe3) {
                a_.jmp(far);
                a_.bind(taken);
                go_to(behind + static_cast<std::uint64_t>(insn.immediate));
                a_.bind(far);
                go_to(behind);
            } else {
                go_to(behind + static_cast<std::uint64_t>(insn.immediate));
                a_.bind(not_taken);
                go_to(behind);
            }
            return false;
        }
        case Form::bit_string:
            bit_string(insn, live);
            return true;
        case Form::rep_string:
            if (request_.strings_inline) {
                rep_string(insn, behind, live);
                return false;
            }
            [[fallthrough]];
        case Form::emulated:
        case Form::undefined:
        case Form::not_built:
            ended_ = true;
            leave_to(stubs_.emulate);
            return false;
    }
    return false;
}

std::uint8_t BlockEmitter::lend(std::uint32_t in_use, bool low) {
    for (const int host : {3, 6, 7, 5, 2, 0, 9, 13, 14, 15}) {
        if ((in_use >> host & 1u) == 0 && (!low || host < 8))
            return static_cast<std::uint8_t>(host);
    }
    HV_CHECK(false, "no host register to lend");
    return 0;
}

void BlockEmitter::borrow(int slot, std::uint8_t host) {
    a_.mov(context_word(offsetof(Context, borrowed) + 8 * static_cast<std::size_t>(slot)),
           gp(host));
    out_.sites.back().borrowed[slot] = static_cast<std::int8_t>(host);
}

/// Where the one spilled register can be a memory operand in its slot, that is all there is to do.
bool BlockEmitter::plain_in_slot(const Insn& insn) {
    if (insn.has_memory || insn.implicit_rcx || insn.vex || insn.high_byte) return false;
    if (insn.reg.used() && is_spilled(insn.reg.number)) {
        if (insn.rm.used() && is_spilled(insn.rm.number)) return false;
        const auto exchanged = with_registers_exchanged(insn);
        return exchanged && plain_in_slot(*exchanged);
    }
    if (!insn.rm.used() || !is_spilled(insn.rm.number) || !may_stand_in_memory(insn)) return false;
    Rewrite rewrite;
    const int reg = insn.reg.number;
    if (insn.reg.used()) {
        rewrite.reg = reg == guest_rcx ? host_register::guest_rcx : static_cast<std::uint8_t>(reg);
    }
    rewrite.slot = static_cast<std::int32_t>(offsetof(Context, gpr)) + 8 * insn.rm.number;
    const Encoded copy = encode(insn, rewrite);
    embed(copy.bytes.data(), copy.length);
    return true;
}

void BlockEmitter::plain(const Insn& insn, bool flags_live) {
    if (insn.fpu) need_fpu();
    if (plain_in_slot(insn)) return;
    const RegisterField* const fields[] = {&insn.reg, &insn.rm, &insn.vvvv, &insn.opcode};
    bool any_temporary = insn.implicit_rcx;
    bool rcx_wanted = insn.implicit_rcx;
    for (const auto* f : fields) {
        if (!f->used() || !needs_temporary(insn, f->number)) continue;
        any_temporary = true;
        rcx_wanted = rcx_wanted || f->number == guest_rcx;
    }
    std::uint32_t in_use = insn.registers & ~(1u << guest_rcx);
    std::uint32_t free = 1u << host_register::scratch1;
    if (!is_grouped_) free |= 1u << host_register::scratch0;
    int lent = 0;
    Rewrite rewrite;
    if (insn.has_memory) {
        access(insn.memory, insn.memory.size, insn.memory.write, flags_live);
        rewrite.base = static_cast<std::uint8_t>(place_.base.id());
        rewrite.displacement = place_.displacement;
        rewrite.index = place_.index;
        rewrite.shift = place_.shift;
        rewrite.fs = place_.fs;
        free &= ~(1u << rewrite.base);
        if (insn.high_byte) {
            rewrite.base = host_register::scratch1;
            if (rcx_wanted) {
                rewrite.base = lend(in_use, true);
                borrow(lent++, rewrite.base);
                in_use |= 1u << rewrite.base;
            }
            a_.lea(gp(rewrite.base), operand(8));
            rewrite.displacement = 0;
            rewrite.index = no_register;
            free &= ~(1u << rewrite.base);
        } else if (place_.indexed && !any_temporary) {
            rewrite.index = host_register::scratch1;
            free = 0;
        } else if (place_.indexed && is_load_of_spilled(insn)) {
            // The address is read before the register is written.
            rewrite.index = host_register::scratch1;
        } else if (place_.indexed && rewrite.base != host_register::scratch0 && !rcx_wanted) {
            rewrite.index = host_register::scratch1;
            free &= ~(1u << host_register::scratch1);
        } else if (place_.indexed) {
            a_.lea(r11, operand(8));
            rewrite.base = host_register::scratch0;
            rewrite.displacement = 0;
            free &= ~(1u << host_register::scratch0);
        }
    }
    std::array<Temporary, 5> temporaries{};
    std::size_t count = 0;
    const auto place = [&](int guest, bool read, bool written) -> std::uint8_t {
        for (std::size_t i = 0; i < count; ++i) {
            if (temporaries[i].guest != guest) continue;
            temporaries[i].read = temporaries[i].read || read;
            temporaries[i].written = temporaries[i].written || written;
            return temporaries[i].host;
        }
        std::uint8_t host = host_register::scratch1;
        if (guest != guest_rcx) {
            const std::uint32_t usable =
                rcx_wanted ? free & ~(1u << host_register::scratch1) : free;
            if (usable != 0) {
                host = static_cast<std::uint8_t>(31 - std::countl_zero(usable));
            } else {
                host = lend(in_use, false);
                borrow(lent++, host);
                in_use |= 1u << host;
            }
        }
        free &= ~(1u << host);
        temporaries[count++] = {guest, host, read, written};
        return host;
    };
    if (insn.implicit_rcx) place(guest_rcx, true, insn.implicit_rcx_written);
    const auto host_of = [&](const RegisterField& f) -> std::uint8_t {
        if (!f.used()) return 0;
        std::uint8_t host = static_cast<std::uint8_t>(f.number);
        if (needs_temporary(insn, f.number)) {
            // A write of 8 or 16 bits leaves the others.
            host = place(f.number, f.read || f.size < 4, f.write);
        } else if (f.number == guest_rcx) {
            host = host_register::guest_rcx;
        }
        return static_cast<std::uint8_t>(f.high_byte ? host + 4 : host);
    };
    rewrite.reg = host_of(insn.reg);
    rewrite.rm = host_of(insn.rm);
    rewrite.vvvv = host_of(insn.vvvv);
    rewrite.opcode = host_of(insn.opcode);

    for (std::size_t i = 0; i < count; ++i) {
        if (temporaries[i].read) load_guest(gp(temporaries[i].host), temporaries[i].guest);
    }
    const Encoded copy = encode(insn, rewrite);
    embed(copy.bytes.data(), copy.length);
    for (std::size_t i = 0; i < count; ++i) {
        if (temporaries[i].written) store_guest(temporaries[i].guest, gp(temporaries[i].host));
    }
    for (int i = 0; i < lent; ++i) {
        a_.mov(gp(out_.sites.back().borrowed[i]),
               context_word(offsetof(Context, borrowed) + 8 * static_cast<std::size_t>(i)));
    }
}

/// Flags that the SDM leaves undefined differ between vendors: where they can be seen, they read 0.
void BlockEmitter::define_flags(const Insn& insn) {
    const auto rax_home = context_word(offsetof(Context, gpr));
    a_.mov(rax_home, x86::rax);
    a_.lahf();  // AH = SF ZF 0 AF 0 PF 1 CF
    a_.seto(x86::al);
    auto unchanged = a_.newLabel();
    const auto low = static_cast<std::uint8_t>(insn.flags_undefined & 0xff);
    if (insn.implicit_rcx) {
        // A shift by CL: a masked count of 0 has left all flags alone, one of 1 defines OF.
        a_.mov(rcx, context_word(offsetof(Context, target)));
        a_.and_(x86::ecx, insn.operand_size == 8 ? 63 : 31);
        a_.short_().jz(unchanged);
        if (low != 0) a_.and_(x86::ah, static_cast<std::uint8_t>(~low));
        a_.dec(x86::ecx);
        a_.short_().jz(unchanged);
        a_.mov(x86::al, 0);
    } else {
        if (low != 0) a_.and_(x86::ah, static_cast<std::uint8_t>(~low));
        if ((insn.flags_undefined & rflags::of) != 0) a_.mov(x86::al, 0);
    }
    a_.bind(unchanged);
    a_.add(x86::al, 0x7f);  // OF again
    a_.sahf();
    a_.mov(x86::rax, rax_home);
}

void BlockEmitter::lea(const Insn& insn) {
    MemoryOperand m = insn.memory;
    m.fs = m.gs = false;
    const int guest = insn.reg.number;
    const auto home = home_of(guest);
    if (is_plain_lea(insn)) {
        const x86::Gp target = is_spilled(guest) ? x86::Gp(rcx) : home;
        if (m.base == no_register && m.index == no_register) {
            mov_constant_address(target, m, insn.operand_size == 4);
        } else if (insn.operand_size == 4) {
            a_.lea(target.r32(), address_operand(m, 0, rcx));
        } else {
            a_.lea(target, address_operand(m, 0, rcx));
        }
        if (is_spilled(guest)) store_guest(guest, rcx);
        return;
    }
    linear_address(m, 0);
    switch (insn.operand_size) {
        case 8:
            store_guest(guest, r11);
            break;
        case 4:
            a_.mov(x86::r11d, x86::r11d);
            store_guest(guest, r11);
            break;
        default:
            if (is_spilled(guest)) {
                a_.mov(guest_slot(guest, 2), x86::r11w);
            } else {
                a_.mov(home.r16(), x86::r11w);
            }
    }
}

/// MOV from a segment register: 16 bits, or zero-extended.
void BlockEmitter::read_segment(const Insn& insn) {
    const std::size_t segment = insn.bytes[insn.modrm_offset] >> 3 & 7u;
    const int guest = insn.rm.number;
    a_.mov(x86::ecx, context_word(offsetof(Context, selector) + 8 * segment, 4));
    if (insn.operand_size != 2) {
        store_guest(guest, rcx);
    } else if (is_spilled(guest)) {
        a_.mov(guest_slot(guest, 2), x86::cx);
    } else {
        a_.mov(home_of(guest).r16(), x86::cx);
    }
}

void BlockEmitter::push_address(std::uint64_t value, bool flags_live) {
    access(below_stack_top(8), 8, true, flags_live);
    put_constant(value, true);
    a_.lea(x86::rsp, x86::ptr(x86::rsp, -8));
}

/// Stores 8 bytes to the current operand.
void BlockEmitter::put_constant(std::uint64_t value, bool is_address) {
    if (fits_i32(value)) {
        a_.mov(operand(8), static_cast<std::int32_t>(value));
        return;
    }
    const x86::Mem where = operand_without_rcx(8);
    a_.mov(rcx, value);
    if (is_address) relocate(Relocation::Kind::address);
    a_.mov(where, rcx);
}

void BlockEmitter::push(const Insn& insn, bool flags_live) {
    const unsigned size = insn.operand_size == 2 ? 2 : 8;
    const auto scratch = context_word(offsetof(Context, target));
    if (insn.has_memory) {
        access(insn.memory, size, false, flags_live);
        if (size == 2) {
            a_.movzx(x86::ecx, operand(2));
        } else {
            a_.mov(rcx, operand(8));
        }
        a_.mov(scratch, rcx);
    }
    access(below_stack_top(static_cast<int>(size)), size, true, flags_live);
    const RegisterField& source = insn.rm.used() ? insn.rm : insn.opcode;
    const auto new_rsp = x86::ptr(x86::rsp, -static_cast<std::int32_t>(size));
    if (size == 8 && !insn.has_memory && (!source.used() || !is_spilled(source.number))) {
        if (!source.used()) {
            put_constant(static_cast<std::uint64_t>(insn.immediate), false);
        } else {
            a_.mov(operand(8), home_of(source.number));
        }
        a_.lea(x86::rsp, new_rsp);
        return;
    }
    const x86::Mem where = operand_without_rcx(size);
    if (insn.has_memory) {
        a_.mov(rcx, scratch);
    } else if (source.used()) {
        load_guest(rcx, source.number);
    } else {
        a_.mov(rcx, insn.immediate);
    }
    if (size == 2) {
        a_.mov(where, x86::cx);
    } else {
        a_.mov(where, rcx);
    }
    a_.lea(x86::rsp, new_rsp);
}

void BlockEmitter::pop(const Insn& insn, bool flags_live) {
    const unsigned size = insn.operand_size == 2 ? 2 : 8;
    const auto new_rsp = x86::ptr(x86::rsp, static_cast<std::int32_t>(size));
    access(stack_top, size, false, flags_live);
    const int guest = insn.rm.used() ? insn.rm.number : insn.opcode.number;
    if (size == 8 && !insn.has_memory && !is_spilled(guest) && guest != guest_rsp) {
        a_.mov(home_of(guest), operand(8));
        a_.lea(x86::rsp, new_rsp);
        return;
    }
    if (size == 2) {
        a_.movzx(x86::ecx, operand(2));
    } else {
        a_.mov(rcx, operand(8));
    }
    if (insn.has_memory) {
        const auto scratch = context_word(offsetof(Context, target));
        a_.mov(scratch, rcx);
        // The address is taken with RSP as it is after the pop (SDM, POP).
        access(insn.memory, size, true, flags_live, static_cast<int>(size));
        const x86::Mem where = operand_without_rcx(size);
        a_.mov(rcx, scratch);
        if (size == 2) {
            a_.mov(where, x86::cx);
        } else {
            a_.mov(where, rcx);
        }
        a_.lea(x86::rsp, new_rsp);
        return;
    }
    a_.lea(x86::rsp, new_rsp);
    if (size == 8) {
        store_guest(guest, rcx);
    } else if (is_spilled(guest)) {
        a_.mov(guest_slot(guest, 2), x86::cx);
    } else {
        a_.mov(home_of(guest).r16(), x86::cx);
    }
}

void BlockEmitter::leave(const Insn& insn, bool flags_live) {
    const unsigned size = insn.operand_size == 2 ? 2 : 8;
    MemoryOperand frame;
    frame.base = static_cast<std::int8_t>(Gpr::rbp);
    access(frame, size, false, flags_live);
    if (size == 2) {
        a_.movzx(x86::ecx, operand(2));
    } else {
        a_.mov(rcx, operand(8));
    }
    a_.lea(x86::rsp, x86::ptr(x86::rbp, static_cast<std::int32_t>(size)));
    if (size == 2) {
        a_.mov(x86::bp, x86::cx);
    } else {
        a_.mov(x86::rbp, rcx);
    }
}

void BlockEmitter::branch_target_operand(const Insn& insn, bool flags_live) {
    if (!insn.has_memory) {
        load_guest(r11, insn.rm.number);
        return;
    }
    access(insn.memory, 8, false, flags_live);
    a_.mov(r11, operand(8));
}

void BlockEmitter::ret(const Insn& insn, bool flags_live) {
    access(stack_top, 8, false, flags_live);
    a_.mov(r11, operand(8));
    a_.lea(x86::rsp, x86::ptr(x86::rsp, 8 + static_cast<std::int32_t>(insn.immediate & 0xffff)));
    jump_to_r11();
}

}  // namespace ring3
