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
    bool written;
};

/// RCX must be in the host's RCX where the instruction implies it, and where a byte register rules
/// out the REX prefix that R10 would need.
bool needs_temporary(const Insn& insn, int guest) {
    return is_spilled(guest) || (guest == guest_rcx && (insn.implicit_rcx || insn.high_byte));
}

}  // namespace

bool BlockEmitter::instruction(const Insn& insn, std::uint32_t offset, std::uint32_t live_before,
                               std::uint32_t live_after) {
    const Vaddr page = request_.page;
    const Vaddr behind = page + (offset + insn.length);
    const bool live = live_before != 0;
    behind_ = behind;
    operand_ = 0;
    out_.sites.push_back({static_cast<std::uint32_t>(a_.offset()),
                          static_cast<std::uint16_t>(page + offset - request_.rip),
                          {no_register, no_register},
                          static_cast<std::uint16_t>(live_before)});
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
            push_constant(behind.raw, live);
            go_to(behind + static_cast<std::uint64_t>(insn.immediate));
            return false;
        case Form::call_indirect:
            branch_target_operand(insn, live);
            a_.mov(context_word(offsetof(Context, target)), r11);
            push_constant(behind.raw, live);
            a_.mov(r11, context_word(offsetof(Context, target)));
            jump_to_r11();
            return false;
        case Form::ret:
            ret(insn, live);
            return false;
        case Form::jump:
            go_to(behind + static_cast<std::uint64_t>(insn.immediate));
            return false;
        case Form::jump_indirect:
            branch_target_operand(insn, live);
            jump_to_r11();
            return false;
        case Form::jump_if: {
            auto taken = a_.newLabel();
            a_.j(static_cast<x86::CondCode>(insn.condition), taken);
            go_to(behind);
            a_.bind(taken);
            go_to(behind + static_cast<std::uint64_t>(insn.immediate));
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

void BlockEmitter::plain(const Insn& insn, bool flags_live) {
    if (insn.fpu) need_fpu();
    const RegisterField* const fields[] = {&insn.reg, &insn.rm, &insn.vvvv, &insn.opcode};
    bool any_temporary = insn.implicit_rcx;
    bool rcx_wanted = insn.implicit_rcx;
    for (const auto* f : fields) {
        if (!f->used() || !needs_temporary(insn, f->number)) continue;
        any_temporary = true;
        rcx_wanted = rcx_wanted || f->number == guest_rcx;
    }
    std::uint32_t in_use = insn.registers & ~(1u << guest_rcx);
    std::uint32_t free = 1u << host_register::scratch0 | 1u << host_register::scratch1;
    int lent = 0;
    Rewrite rewrite;
    if (insn.has_memory) {
        address(insn.memory);
        access(insn.memory.size, insn.memory.write, flags_live);
        if (!any_temporary && !insn.high_byte) {
            rewrite.base = host_register::scratch0;
            rewrite.index = host_register::scratch1;
            free = 0;
        } else {
            rewrite.base = host_register::scratch0;
            if (insn.high_byte) {
                rewrite.base = host_register::scratch1;
                if (rcx_wanted) {
                    rewrite.base = lend(in_use, true);
                    borrow(lent++, rewrite.base);
                    in_use |= 1u << rewrite.base;
                }
            }
            a_.lea(gp(rewrite.base), x86::ptr(r11, rcx));
            free &= ~(1u << rewrite.base);
        }
    }
    std::array<Temporary, 5> temporaries{};
    std::size_t count = 0;
    const auto place = [&](int guest, bool written) -> std::uint8_t {
        for (std::size_t i = 0; i < count; ++i) {
            if (temporaries[i].guest != guest) continue;
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
        temporaries[count++] = {guest, host, written};
        return host;
    };
    if (insn.implicit_rcx) place(guest_rcx, insn.implicit_rcx_written);
    const auto host_of = [&](const RegisterField& f) -> std::uint8_t {
        if (!f.used()) return 0;
        std::uint8_t host = static_cast<std::uint8_t>(f.number);
        if (needs_temporary(insn, f.number)) {
            host = place(f.number, f.write);
        } else if (f.number == guest_rcx) {
            host = host_register::guest_rcx;
        }
        return static_cast<std::uint8_t>(f.high_byte ? host + 4 : host);
    };
    rewrite.reg = host_of(insn.reg);
    rewrite.rm = host_of(insn.rm);
    rewrite.vvvv = host_of(insn.vvvv);
    rewrite.opcode = host_of(insn.opcode);

    for (std::size_t i = 0; i < count; ++i)
        load_guest(gp(temporaries[i].host), temporaries[i].guest);
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
    linear_address(m, 0);
    const int guest = insn.reg.number;
    const auto id =
        static_cast<std::uint32_t>(guest == guest_rcx ? host_register::guest_rcx : guest);
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
                a_.mov(x86::gpw(id), x86::r11w);
            }
    }
}

void BlockEmitter::push_constant(std::uint64_t value, bool flags_live) {
    address(below_stack_top(8));
    access(8, true, flags_live);
    if (fits_i32(value)) {
        a_.mov(x86::qword_ptr(r11, rcx), static_cast<std::int32_t>(value));
    } else {
        a_.lea(r11, x86::ptr(r11, rcx));
        a_.mov(rcx, value);
        a_.mov(x86::qword_ptr(r11), rcx);
    }
    a_.lea(x86::rsp, x86::ptr(x86::rsp, -8));
}

void BlockEmitter::push(const Insn& insn, bool flags_live) {
    const unsigned size = insn.operand_size == 2 ? 2 : 8;
    const auto scratch = context_word(offsetof(Context, target));
    if (insn.has_memory) {
        address(insn.memory);
        access(size, false, flags_live);
        if (size == 2) {
            a_.movzx(x86::ecx, x86::word_ptr(r11, rcx));
        } else {
            a_.mov(rcx, x86::qword_ptr(r11, rcx));
        }
        a_.mov(scratch, rcx);
    }
    address(below_stack_top(static_cast<int>(size)));
    access(size, true, flags_live);
    a_.lea(r11, x86::ptr(r11, rcx));
    const RegisterField& source = insn.rm.used() ? insn.rm : insn.opcode;
    if (insn.has_memory) {
        a_.mov(rcx, scratch);
    } else if (source.used()) {
        load_guest(rcx, source.number);
    } else {
        a_.mov(rcx, insn.immediate);
    }
    if (size == 2) {
        a_.mov(x86::word_ptr(r11), x86::cx);
    } else {
        a_.mov(x86::qword_ptr(r11), rcx);
    }
    a_.lea(x86::rsp, x86::ptr(x86::rsp, -static_cast<std::int32_t>(size)));
}

void BlockEmitter::pop(const Insn& insn, bool flags_live) {
    const unsigned size = insn.operand_size == 2 ? 2 : 8;
    const auto new_rsp = x86::ptr(x86::rsp, static_cast<std::int32_t>(size));
    address(stack_top);
    access(size, false, flags_live);
    if (size == 2) {
        a_.movzx(x86::ecx, x86::word_ptr(r11, rcx));
    } else {
        a_.mov(rcx, x86::qword_ptr(r11, rcx));
    }
    if (insn.has_memory) {
        const auto scratch = context_word(offsetof(Context, target));
        a_.mov(scratch, rcx);
        // The address is taken with RSP as it is after the pop (SDM, POP).
        address(insn.memory, static_cast<int>(size));
        access(size, true, flags_live);
        a_.lea(r11, x86::ptr(r11, rcx));
        a_.mov(rcx, scratch);
        if (size == 2) {
            a_.mov(x86::word_ptr(r11), x86::cx);
        } else {
            a_.mov(x86::qword_ptr(r11), rcx);
        }
        a_.lea(x86::rsp, new_rsp);
        return;
    }
    const int guest = insn.rm.used() ? insn.rm.number : insn.opcode.number;
    a_.lea(x86::rsp, new_rsp);
    if (size == 8) {
        store_guest(guest, rcx);
    } else if (is_spilled(guest)) {
        a_.mov(guest_slot(guest, 2), x86::cx);
    } else {
        a_.mov(x86::gpw(static_cast<std::uint32_t>(guest == guest_rcx ? host_register::guest_rcx
                                                                      : guest)),
               x86::cx);
    }
}

void BlockEmitter::leave(const Insn& insn, bool flags_live) {
    const unsigned size = insn.operand_size == 2 ? 2 : 8;
    MemoryOperand frame;
    frame.base = static_cast<std::int8_t>(Gpr::rbp);
    address(frame);
    access(size, false, flags_live);
    if (size == 2) {
        a_.movzx(x86::ecx, x86::word_ptr(r11, rcx));
    } else {
        a_.mov(rcx, x86::qword_ptr(r11, rcx));
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
    address(insn.memory);
    access(8, false, flags_live);
    a_.mov(r11, x86::qword_ptr(r11, rcx));
}

void BlockEmitter::ret(const Insn& insn, bool flags_live) {
    address(stack_top);
    access(8, false, flags_live);
    a_.mov(r11, x86::qword_ptr(r11, rcx));
    a_.lea(x86::rsp, x86::ptr(x86::rsp, 8 + static_cast<std::int32_t>(insn.immediate & 0xffff)));
    jump_to_r11();
}

}  // namespace ring3
