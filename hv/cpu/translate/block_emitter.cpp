// SPDX-License-Identifier: MIT
#include "hv/cpu/translate/block_emitter.hpp"

#include <cstddef>

#include "hv/base/check.hpp"

namespace ring3 {
namespace {

constexpr auto r11 = x86::r11;
constexpr auto rcx = x86::rcx;
constexpr auto ecx = x86::ecx;

std::size_t tlb_of(bool kernel_mode) {
    return offsetof(Context, tlb) + (kernel_mode ? sizeof(Tlb) : 0);
}

bool fits_i32(std::uint64_t value) {
    return value == static_cast<std::uint64_t>(static_cast<std::int32_t>(value));
}

}  // namespace

x86::Mem context_word(std::size_t offset, std::uint32_t size) {
    x86::Mem m = x86::ptr_abs(offset, size);
    m.setSegment(x86::gs);
    return m;
}

BlockEmitter::BlockEmitter(const TranslationRequest& request, const HostFeatures& host,
                           const StubAddresses& stubs)
    : request_(request), host_(host), stubs_(stubs) {
    code_.init(asmjit::Environment::host(), request.host_base);
    code_.attach(&a_);
    out_of_budget_ = a_.newLabel();
}

x86::Mem BlockEmitter::guest_slot(int guest, std::uint32_t size) const {
    return context_word(offsetof(Context, gpr) + 8 * static_cast<std::size_t>(guest), size);
}

x86::Mem BlockEmitter::tlb_word(std::size_t member, x86::Gp index, unsigned shift) const {
    x86::Mem m =
        x86::ptr(index, static_cast<std::int32_t>(tlb_of(request_.kernel_mode) + member), 8);
    if (shift != 0) {
        m = x86::Mem();
        m = x86::ptr(0, index, shift, 8);
        m.setOffset(static_cast<std::int64_t>(tlb_of(request_.kernel_mode) + member));
    }
    m.setSegment(x86::gs);
    return m;
}

void BlockEmitter::load_guest(x86::Gp into, int guest) {
    if (is_spilled(guest)) {
        a_.mov(into, guest_slot(guest));
    } else {
        a_.mov(into, gp(guest == 1 ? host_register::guest_rcx : guest));
    }
}

void BlockEmitter::store_guest(int guest, x86::Gp from) {
    if (is_spilled(guest)) {
        a_.mov(guest_slot(guest), from);
    } else {
        a_.mov(gp(guest == 1 ? host_register::guest_rcx : guest), from);
    }
}

void BlockEmitter::begin(unsigned insns, bool flags_live) {
    insns_ = insns;
    // Entered from the jump cache, which only hashes: is this the block that was wanted?
    auto direct = a_.newLabel();
    out_.checked_entry = static_cast<std::uint32_t>(a_.offset());
    const std::uint64_t negated = 0 - request_.rip.raw;
    if (fits_i32(negated)) {
        a_.lea(rcx, x86::ptr(r11, static_cast<std::int32_t>(negated)));
    } else {
        a_.mov(rcx, negated);
        a_.lea(rcx, x86::ptr(rcx, r11));
    }
    a_.short_().jecxz(rcx, direct);
    a_.jmp(stubs_.miss);
    a_.bind(direct);
    out_.direct_entry = static_cast<std::uint32_t>(a_.offset());

    const auto budget = gp(host_register::budget);
    const auto n = static_cast<std::int32_t>(insns);
    if (!flags_live) {
        a_.sub(budget, n);
        a_.jb(out_of_budget_);
        return;
    }
    auto enough = a_.newLabel();
    a_.lea(budget, x86::ptr(budget, -n));
    // The budget stays far below 2^55, so its top byte is its sign.
    a_.mov(context_word(offsetof(Context, budget)), budget);
    a_.movsx(ecx, context_word(offsetof(Context, budget) + 7, 1));
    a_.short_().jecxz(rcx, enough);
    a_.jmp(out_of_budget_);
    a_.bind(enough);
}

void BlockEmitter::linear_address(const MemoryOperand& m, int stack_delta) {
    const std::uint64_t constant = m.rip_relative
                                       ? behind_.raw + static_cast<std::uint64_t>(m.displacement)
                                       : static_cast<std::uint64_t>(m.displacement);
    if (m.base == no_register && m.index == no_register) {
        a_.mov(r11, m.address32 ? constant & 0xffff'ffff : constant);
        return;
    }
    // A displacement with a register is at most 32 bits wide, and the stack delta is small.
    auto displacement = static_cast<std::int32_t>(m.displacement);
    if (m.base == static_cast<int>(Gpr::rsp)) displacement += stack_delta;
    const auto home = [&](int guest, x86::Gp temporary) {
        if (is_spilled(guest)) {
            a_.mov(temporary, guest_slot(guest));
            return temporary;
        }
        return gp(guest == 1 ? host_register::guest_rcx : guest);
    };
    x86::Mem where;
    const unsigned shift = m.scale == 8 ? 3 : m.scale == 4 ? 2 : m.scale == 2 ? 1 : 0;
    if (m.base != no_register && m.index != no_register) {
        const auto base = home(m.base, r11);
        where = x86::ptr(base, home(m.index, rcx), shift, displacement);
    } else if (m.base != no_register) {
        where = x86::ptr(home(m.base, r11), displacement);
    } else {
        const auto index = home(m.index, r11);
        where = x86::Mem();
        where = x86::ptr(0, index, shift);
        where.setOffset(displacement);
    }
    if (m.address32) {
        a_.lea(x86::r11d, where);
    } else if (m.index == no_register && displacement == 0) {
        if (where.baseReg().as<x86::Gp>().id() != r11.id()) {
            a_.mov(r11, where.baseReg().as<x86::Gp>());
        }
    } else {
        a_.lea(r11, where);
    }
}

void BlockEmitter::address(const MemoryOperand& m, int stack_delta) {
    if (request_.variant == Variant::bounced) return;
    linear_address(m, stack_delta);
    if (m.fs || m.gs) {
        a_.mov(rcx, context_word(m.fs ? offsetof(Context, fs_base) : offsetof(Context, gs_base)));
        a_.lea(r11, x86::ptr(r11, rcx));
    }
}

void BlockEmitter::access(unsigned size, bool write, bool flags_live) {
    if (request_.variant == Variant::bounced) {
        HV_CHECK(operand_ < 2, "no instruction has three memory operands");
        a_.mov(r11, context_word(offsetof(Context, bounce) + 8 * operand_));
        a_.mov(ecx, 0);
    } else if (!flags_live) {
        access_dead(size, write, false);
    } else if (host_.bmi2) {
        access_live_bmi2(size, write);
    } else {
        access_live_saved(size, write);
    }
    ++operand_;
}

void BlockEmitter::access_dead(unsigned size, bool write, bool flags_saved) {
    const auto tag = write ? offsetof(Tlb, write_tag) : offsetof(Tlb, read_tag);
    Cold cold{a_.newLabel(), a_.newLabel(), AccessInfo::make(size, write, operand_).raw,
              false,         flags_saved,   write};
    if (host_.bmi2) {
        a_.rorx(rcx, r11, 9);
    } else {
        a_.mov(rcx, r11);
        a_.shr(rcx, 9);
    }
    a_.and_(ecx, Tlb::index_mask);
    a_.xor_(r11, tlb_word(tag, rcx));
    // One comparison tells a wrong page and an operand that leaves the page.
    a_.cmp(r11, static_cast<std::int32_t>(4096 - size));
    a_.ja(cold.entry);
    a_.mov(rcx, tlb_word(offsetof(Tlb, host), rcx));
    a_.bind(cold.resume);
    cold_.push_back(cold);
}

void BlockEmitter::access_live_bmi2(unsigned size, bool write) {
    const auto tag = write ? offsetof(Tlb, write_tag) : offsetof(Tlb, read_tag);
    Cold cold{a_.newLabel(), a_.newLabel(), AccessInfo::make(size, write, operand_).raw,
              true,          false,         write};
    auto hit = a_.newLabel();
    a_.mov(context_word(offsetof(Context, scratch)), r11);
    a_.pext(rcx, r11, context_word(offsetof(Context, tag_mask)));
    a_.mov(rcx, tlb_word(tag, rcx, 3));
    a_.not_(rcx);
    a_.lea(r11, x86::ptr(r11, rcx, 0, 1));
    a_.lea(rcx, x86::ptr(r11, static_cast<std::int32_t>(size - 1)));
    a_.pext(rcx, rcx, context_word(offsetof(Context, page_mask)));
    a_.short_().jecxz(rcx, hit);
    a_.jmp(cold.entry);
    a_.bind(hit);
    a_.mov(rcx, context_word(offsetof(Context, scratch)));
    a_.pext(rcx, rcx, context_word(offsetof(Context, tag_mask)));
    a_.mov(rcx, tlb_word(offsetof(Tlb, host), rcx, 3));
    a_.bind(cold.resume);
    cold_.push_back(cold);
}

void BlockEmitter::access_live_saved(unsigned size, bool write) {
    // Without BMI2 there is no way to mask bits and keep the flags: keep them in memory.
    const auto rax_home = context_word(offsetof(Context, gpr));
    a_.mov(rax_home, x86::rax);
    a_.lahf();
    a_.seto(x86::al);
    a_.mov(context_word(offsetof(Context, scratch)), x86::rax);
    a_.mov(x86::rax, rax_home);
    access_dead(size, write, true);
    restore_saved_flags();
}

void BlockEmitter::restore_saved_flags() {
    const auto rax_home = context_word(offsetof(Context, gpr));
    a_.mov(rax_home, x86::rax);
    a_.mov(x86::rax, context_word(offsetof(Context, scratch)));
    a_.add(x86::al, 0x7f);
    a_.sahf();
    a_.mov(x86::rax, rax_home);
}

void BlockEmitter::cold_paths() {
    for (const auto& cold : cold_) {
        a_.bind(cold.entry);
        if (cold.address_in_scratch) {
            a_.mov(r11, context_word(offsetof(Context, scratch)));
        } else {
            a_.xor_(r11,
                    tlb_word(cold.write ? offsetof(Tlb, write_tag) : offsetof(Tlb, read_tag), rcx));
        }
        // The instruction may fault, or be done in C++: from here on flags are the guest's.
        if (cold.flags_in_scratch) restore_saved_flags();
        a_.mov(context_word(offsetof(Context, access_address)), r11);
        a_.mov(context_word(offsetof(Context, access_info), 4), cold.info);
        a_.lea(rcx, x86::ptr(cold.resume));
        a_.mov(context_word(offsetof(Context, site)), rcx);
        a_.jmp(stubs_.access);
    }
    for (const auto& cold : cold_fpu_) {
        a_.bind(cold.entry);
        a_.lea(rcx, x86::ptr(cold.resume));
        a_.jmp(stubs_.load_fpu);
    }
    a_.bind(out_of_budget_);
    const auto budget = gp(host_register::budget);
    a_.lea(budget, x86::ptr(budget, static_cast<std::int32_t>(insns_)));
    leave_to(stubs_.budget);
}

void BlockEmitter::leave_to(std::uint64_t stub) {
    a_.mov(context_word(offsetof(Context, link), 4), request_.block * 2);
    a_.jmp(stub);
}

void BlockEmitter::need_fpu() {
    if (fpu_present_) return;
    fpu_present_ = true;
    ColdFpu cold{a_.newLabel(), a_.newLabel()};
    a_.movzx(ecx, context_word(offsetof(Context, fpu_absent), 1));
    a_.short_().jecxz(rcx, cold.resume);
    a_.jmp(cold.entry);
    a_.bind(cold.resume);
    // An instruction must not begin at its own resume address: sites are found by it.
    a_.nop();
    cold_fpu_.push_back(cold);
}

void BlockEmitter::jump_to_r11() {
    ended_ = true;
    if (request_.variant == Variant::bounced) {
        a_.jmp(stubs_.bounced);
        return;
    }
    if (request_.variant == Variant::single) {
        a_.jmp(stubs_.miss);
        return;
    }
    a_.movzx(ecx, x86::r11w);
    x86::Mem entry = x86::ptr(0, rcx, 3, 8);
    entry.setOffset(static_cast<std::int64_t>(
        offsetof(Context, jumps) + (request_.kernel_mode ? sizeof(Context::jumps) / 2 : 0)));
    entry.setSegment(x86::gs);
    a_.jmp(entry);
}

void BlockEmitter::jump_through_cache(Vaddr target) {
    a_.mov(r11, target.raw);
    const std::size_t mode = request_.kernel_mode ? sizeof(Context::jumps) / 2 : 0;
    a_.jmp(context_word(offsetof(Context, jumps) + mode + 8 * (target.raw & 0xffff)));
}

void BlockEmitter::go_to(Vaddr target) {
    ended_ = true;
    if (request_.variant != Variant::normal) {
        a_.mov(r11, target.raw);
        a_.jmp(request_.variant == Variant::bounced ? stubs_.bounced : stubs_.miss);
        return;
    }
    if (page_of(target) != request_.page) {
        jump_through_cache(target);
        return;
    }
    // jmp rel32 to what follows, until the target is known.
    const auto number = static_cast<std::uint32_t>(out_.links.size());
    HV_CHECK(number < 2, "a block has two ways out");
    const std::uint8_t jump[5] = {0xe9, 0, 0, 0, 0};
    out_.links.push_back({static_cast<std::uint32_t>(a_.offset()) + 1, target});
    embed(jump, sizeof jump);
    a_.mov(context_word(offsetof(Context, link), 4), request_.block * 2 + number);
    a_.jmp(stubs_.link);
}

Translation BlockEmitter::finish() {
    HV_CHECK(ended_, "a block must end with a branch");
    cold_paths();
    out_.lookup_entry = static_cast<std::uint32_t>(a_.offset());
    jump_through_cache(request_.rip);
    code_.flatten();
    code_.resolveUnresolvedLinks();
    code_.relocateToBase(request_.host_base);
    out_.host_code.resize(code_.codeSize());
    HV_CHECK(
        code_.copyFlattenedData(out_.host_code.data(), out_.host_code.size()) == asmjit::kErrorOk,
        "emitted code could not be copied");
    return std::move(out_);
}

}  // namespace ring3
