// SPDX-License-Identifier: MIT
#include "hv/cpu/translate/block_emitter.hpp"

#include <bit>
#include <cstddef>
#include <utility>

#include "hv/base/check.hpp"
#include "hv/cpu/translate/relocation.hpp"

namespace ring3 {
namespace {

constexpr auto r11 = x86::r11;
constexpr auto rcx = x86::rcx;
constexpr auto ecx = x86::ecx;

std::size_t tlb_of(bool kernel_mode) {
    return offsetof(Context, tlb) + (kernel_mode ? sizeof(Tlb) : 0);
}

std::size_t kept_lookup(unsigned group) { return offsetof(Context, lookup) + 8 * group; }

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
    // An instruction that straddles depends on a second page.
    out_.is_movable = is_movable_address(request.rip) && request.code.size() == page_size &&
                      request.counter == nullptr;
}

void BlockEmitter::relocate(Relocation::Kind kind, std::size_t array) {
    using Kind = Relocation::Kind;
    const bool is_wide = kind == Kind::address || kind == Kind::negated_address ||
                         kind == Kind::window_near || kind == Kind::window_fixed;
    out_.relocations.push_back({kind, static_cast<std::uint16_t>(a_.offset() - (is_wide ? 8 : 4)),
                                static_cast<std::uint32_t>(array)});
}

void BlockEmitter::mov_address(x86::Gp into, std::uint64_t address) {
    a_.mov(into, address);
    relocate(Relocation::Kind::address);
}

void BlockEmitter::mov_negated(x86::Gp into, std::uint64_t negated) {
    a_.mov(into, negated);
    relocate(Relocation::Kind::negated_address);
}

void BlockEmitter::jump_to_stub(std::uint64_t stub) {
    a_.long_().jmp(stub);
    relocate(Relocation::Kind::stub);
}

/// The stub is told which way out it is: for Context::link.
void BlockEmitter::mark_link(unsigned number) {
    a_.mov(ecx, LinkNumber::make(request_.block, number).raw);
    relocate(Relocation::Kind::link);
}

/// The address of an operand without registers.
std::uint64_t BlockEmitter::constant_address(const MemoryOperand& m) const {
    const auto displacement = static_cast<std::uint64_t>(m.displacement);
    return m.rip_relative ? origin_.raw + displacement : displacement;
}

x86::Mem BlockEmitter::guest_slot(int guest, std::uint32_t size) const {
    return context_word(offsetof(Context, gpr) + 8 * static_cast<std::size_t>(guest), size);
}

x86::Mem BlockEmitter::stack_word(std::size_t member) const {
    return context_word(tlb_of(request_.kernel_mode) + offsetof(Tlb, stack) + member);
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
        a_.mov(into, home_of(guest));
    }
}

void BlockEmitter::store_guest(int guest, x86::Gp from) {
    if (is_spilled(guest)) {
        a_.mov(guest_slot(guest), from);
    } else {
        a_.mov(home_of(guest), from);
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
        mov_negated(rcx, negated);
        a_.lea(rcx, x86::ptr(rcx, r11));
    }
    a_.short_().jecxz(rcx, direct);
    jump_to_stub(stubs_.miss);
    a_.bind(direct);
    out_.direct_entry = static_cast<std::uint32_t>(a_.offset());

    take_from_budget(static_cast<std::int32_t>(insns), flags_live);
    if (request_.counter == nullptr) return;
    a_.mov(r11, reinterpret_cast<std::uint64_t>(request_.counter));
    a_.mov(rcx, x86::ptr(r11));
    a_.lea(rcx, x86::ptr(rcx, 1));
    a_.mov(x86::ptr(r11), rcx);
}

void BlockEmitter::take_from_budget(std::int32_t n, bool flags_live) {
    const auto budget = gp(host_register::budget);
    if (!flags_live) {
        a_.sub(budget, n);
        a_.jb(out_of_budget_);
        return;
    }
    auto enough = a_.newLabel();
    a_.lea(budget, x86::ptr(budget, -n));
    if (host_.bmi2) {
        a_.pext(rcx, budget, context_word(offsetof(Context, sign_mask)));
    } else {
        // The budget stays far below 2^55, so its top byte is its sign.
        a_.mov(context_word(offsetof(Context, budget)), budget);
        a_.movsx(ecx, context_word(offsetof(Context, budget) + 7, 1));
    }
    a_.short_().jecxz(rcx, enough);
    a_.jmp(out_of_budget_);
    a_.bind(enough);
}

/// What LEA would be given, with spilled registers loaded into `scratch` (and RCX).
x86::Mem BlockEmitter::address_operand(const MemoryOperand& m, int stack_delta, x86::Gp scratch) {
    // A displacement with a register is at most 32 bits wide, and the stack delta is small.
    auto displacement = static_cast<std::int32_t>(m.displacement);
    if (m.base == static_cast<int>(Gpr::rsp)) displacement += stack_delta;
    const auto home = [&](int guest, x86::Gp temporary) {
        if (is_spilled(guest)) {
            a_.mov(temporary, guest_slot(guest));
            return temporary;
        }
        return home_of(guest);
    };
    const unsigned shift = m.scale == 8 ? 3 : m.scale == 4 ? 2 : m.scale == 2 ? 1 : 0;
    if (m.base != no_register && m.index != no_register) {
        const auto base = home(m.base, scratch);
        const bool is_same = m.index == m.base;
        const auto index =
            is_same ? base : home(m.index, is_spilled(m.base) ? x86::Gp(rcx) : scratch);
        return x86::ptr(base, index, shift, displacement);
    }
    if (m.base != no_register) return x86::ptr(home(m.base, scratch), displacement);
    x86::Mem where = x86::ptr(0, home(m.index, scratch), shift);
    where.setOffset(displacement);
    return where;
}

/// The address of an operand without registers, or its low half.
void BlockEmitter::mov_constant_address(x86::Gp into, const MemoryOperand& m, bool low_half) {
    const std::uint64_t address = constant_address(m);
    if (low_half) {
        // A relocation is of the whole.
        if (m.rip_relative) out_.is_movable = false;
        a_.mov(into, address & 0xffff'ffff);
    } else if (m.rip_relative) {
        mov_address(into, address);
    } else {
        a_.mov(into, address);
    }
}

void BlockEmitter::linear_address(const MemoryOperand& m, int stack_delta) {
    if (m.base == no_register && m.index == no_register) {
        mov_constant_address(r11, m, m.address32);
        return;
    }
    const x86::Mem where = address_operand(m, stack_delta, r11);
    if (m.address32) {
        a_.lea(x86::r11d, where);
    } else if (!where.hasIndex() && where.offset() == 0) {
        if (where.baseReg().as<x86::Gp>().id() != r11.id()) {
            a_.mov(r11, where.baseReg().as<x86::Gp>());
        }
    } else {
        a_.lea(r11, where);
    }
}

void BlockEmitter::address(const MemoryOperand& m, int stack_delta) {
    linear_address(m, stack_delta);
    if (m.fs || m.gs) {
        a_.mov(rcx, context_word(m.fs ? offsetof(Context, fs_base) : offsetof(Context, gs_base)));
        a_.lea(r11, x86::ptr(r11, rcx));
    }
}

x86::Mem BlockEmitter::operand(unsigned size) const {
    if (place_.indexed) return x86::ptr(place_.base, rcx, 0, place_.displacement, size);
    x86::Mem where = x86::ptr(place_.base, place_.displacement, size);
    if (place_.index != no_register)
        where = x86::ptr(place_.base, gp(place_.index), place_.shift, place_.displacement, size);
    if (place_.fs) where.setSegment(x86::fs);
    return where;
}

/// For what needs RCX: R11 becomes the address then.
x86::Mem BlockEmitter::operand_without_rcx(unsigned size) {
    if (!place_.indexed) return operand(size);
    a_.lea(r11, operand(size));
    place_ = {false, 0};
    return operand(size);
}

void BlockEmitter::access(const MemoryOperand& m, unsigned size, bool write, bool flags_live,
                          int stack_delta) {
    if (is_member_) {
        place_ = {false, group_displacement_};
    } else if (request_.variant == Variant::bounced) {
        HV_CHECK(operand_ < 2, "no instruction has three memory operands");
        a_.mov(r11, context_word(offsetof(Context, bounce) + 8 * operand_));
        place_ = {false, 0};
    } else if (!find_in_window(m, stack_delta, flags_live)) {
        check(m, stack_delta, size, write, flags_live);
    }
    ++operand_;
}

BlockEmitter::Cold BlockEmitter::cold_path(unsigned size, bool write) {
    Cold cold;
    cold.entry = a_.newLabel();
    cold.resume = a_.newLabel();
    cold.info = AccessInfo::make(size, write, operand_).raw;
    cold.write = write;
    return cold;
}

/// Looks an operand up; where that fails, C++ does, and the block goes on.
void BlockEmitter::check(const MemoryOperand& m, int stack_delta, unsigned size, bool write,
                         bool flags_live) {
    Cold cold = cold_path(size, write);
    cold.address = constant_address(m);
    cold.is_near_code = m.rip_relative;
    MemoryOperand sized = m;
    sized.size = static_cast<std::uint16_t>(size);
    if (!access_constant(sized, write, flags_live, cold.entry)) {
        address(m, stack_delta);
        if (!has_stack_page(sized, flags_live)) {
            check_r11(cold, size, write, flags_live);
            return;
        }
        cold.is_stack = true;
        cold.left = access_stack(size, flags_live, cold.entry);
        cold.flags_in_scratch = flags_live && !host_.bmi2;
        place_ = {true, 0};
    }
    cold.displacement = place_.displacement;
    a_.bind(cold.resume);
    cold_.push_back(cold);
}

/// The same for the address in R11.
void BlockEmitter::check_r11(Cold cold, unsigned size, bool write, bool flags_live) {
    if (!flags_live) {
        cold.left = Cold::Left::tagged;
        access_dead(size, write, cold.entry);
    } else if (host_.bmi2) {
        cold.left = Cold::Left::address;
        access_live_bmi2(size, write, cold.entry);
    } else {
        cold.left = Cold::Left::tagged;
        cold.flags_in_scratch = true;
        access_live_saved(size, write, cold.entry);
    }
    place_ = {true, 0};
    cold.displacement = 0;
    a_.bind(cold.resume);
    cold_.push_back(cold);
}

/// The look-up of a whole group: afterwards R11 leads to it. Where it fails, the block that does
/// without groups takes over.
void BlockEmitter::find_group(const PlannedInsn& planned, bool flags_live) {
    const MemoryOperand& span = planned.span;
    const auto rip = request_.page + planned.offset;
    const auto failed = side_exit(rip, insns_ - (emitted_ - 1), Variant::unmerged);
    const Vaddr behind = std::exchange(origin_, request_.page);
    group_start_[planned.group] = find_span(span, flags_live, failed);
    origin_ = behind;
    if (planned.is_kept) a_.mov(context_word(kept_lookup(planned.group)), r11);
}

/// Makes R11 lead to the group that the instruction's operand is in.
void BlockEmitter::enter_group(const PlannedInsn& planned, bool flags_live) {
    using Merge = PlannedInsn::Merge;
    is_grouped_ = planned.merge != Merge::none;
    is_member_ = planned.merge == Merge::first || planned.merge == Merge::member;
    if (planned.merge == Merge::first) find_group(planned, flags_live);
    if (planned.is_fetched) a_.mov(r11, context_word(kept_lookup(planned.group)));
    if (is_member_) group_displacement_ = group_start_[planned.group] + planned.group_offset;
}

/// Where the span starts, from R11.
std::int32_t BlockEmitter::find_span(const MemoryOperand& span, bool flags_live,
                                     asmjit::Label failed) {
    if (access_constant(span, span.write, flags_live, failed)) return place_.displacement;
    address(span, 0);
    if (!flags_live && has_stack_page(span, flags_live)) {
        find_stack_span(span, failed);
    } else if (!flags_live) {
        access_dead(span.size, span.write, failed);
    } else if (host_.bmi2) {
        access_live_bmi2(span.size, span.write, failed);
    } else {
        side_exits_.back().flags_in_scratch = true;
        access_live_saved(span.size, span.write, failed);
    }
    a_.lea(r11, x86::ptr(r11, rcx));
    return 0;
}

/// An address that is known now has its place in the TLB now: one comparison. False: not this one.
bool BlockEmitter::access_constant(const MemoryOperand& m, bool write, bool flags_live,
                                   asmjit::Label failed) {
    if (m.base != no_register || m.index != no_register || m.fs || m.gs || m.address32) {
        return false;
    }
    const std::uint64_t constant = constant_address(m);
    const std::uint64_t page = page_of(Vaddr{constant}).raw;
    const std::uint64_t offset = constant - page;
    if (offset + m.size > page_size) return false;
    const auto tlb = tlb_of(request_.kernel_mode);
    const std::size_t entry = 8 * Tlb::index(constant);
    const std::size_t tags = tlb + (write ? offsetof(Tlb, write_tag) : offsetof(Tlb, read_tag));
    const auto tag = context_word(tags + entry);
    const auto moves = [&](Relocation::Kind kind, std::size_t array = 0) {
        if (m.rip_relative) relocate(kind, array);
    };
    using Kind = Relocation::Kind;
    const std::uint64_t negated = 0 - page;
    if (flags_live) {
        auto hit = a_.newLabel();
        a_.mov(rcx, tag);
        moves(Kind::tlb_entry, tags);
        if (fits_i32(negated)) {
            a_.lea(rcx, x86::ptr(rcx, static_cast<std::int32_t>(negated)));
        } else {
            a_.mov(r11, negated);
            moves(Kind::negated_address);
            a_.lea(rcx, x86::ptr(rcx, r11));
        }
        a_.short_().jecxz(rcx, hit);
        a_.jmp(failed);
        a_.bind(hit);
    } else {
        if (fits_i32(page)) {
            a_.cmp(tag, static_cast<std::int32_t>(page));
        } else {
            a_.mov(rcx, page);
            moves(Kind::address);
            a_.cmp(tag, rcx);
            moves(Kind::tlb_entry, tags);
        }
        a_.jne(failed);
    }
    a_.mov(r11, context_word(tlb + offsetof(Tlb, host) + entry));
    moves(Kind::tlb_entry, tlb + offsetof(Tlb, host));
    place_ = {false, static_cast<std::int32_t>(offset)};
    return true;
}

/// The low 64 - `bits` bits of RCX = those of `from` >> bits. Flags are dead.
void BlockEmitter::shift_to_rcx(x86::Gp from, unsigned bits) {
    if (host_.bmi2) {
        a_.rorx(rcx, from, bits);
    } else {
        a_.mov(rcx, from);
        a_.shr(rcx, bits);
    }
}

void BlockEmitter::access_dead(unsigned size, bool write, asmjit::Label failed) {
    const auto tag = write ? offsetof(Tlb, write_tag) : offsetof(Tlb, read_tag);
    shift_to_rcx(r11, 9);
    a_.and_(ecx, Tlb::index_mask);
    a_.xor_(r11, tlb_word(tag, rcx));
    // One comparison tells a wrong page and an operand that leaves the page.
    a_.cmp(r11, static_cast<std::int32_t>(4096 - size));
    a_.ja(failed);
    a_.mov(rcx, tlb_word(offsetof(Tlb, host), rcx));
}

void BlockEmitter::access_live_bmi2(unsigned size, bool write, asmjit::Label failed) {
    const auto tag = write ? offsetof(Tlb, write_tag) : offsetof(Tlb, read_tag);
    auto hit = a_.newLabel();
    a_.pext(rcx, r11, context_word(offsetof(Context, tag_mask)));
    a_.mov(rcx, tlb_word(tag, rcx, 3));
    a_.not_(rcx);
    // address - page - 1 + size: below 4096 where the whole operand is in the page
    a_.lea(rcx, x86::ptr(r11, rcx, 0, static_cast<std::int32_t>(size)));
    a_.pext(rcx, rcx, context_word(offsetof(Context, page_mask)));
    a_.short_().jecxz(rcx, hit);
    a_.jmp(failed);
    a_.bind(hit);
    a_.pext(rcx, r11, context_word(offsetof(Context, tag_mask)));
    a_.mov(rcx, tlb_word(offsetof(Tlb, distance), rcx, 3));
}

/// Whether Tlb::StackPage is asked for the operand first.
bool BlockEmitter::has_stack_page(const MemoryOperand& m, bool flags_live) const {
    const bool is_sized = std::has_single_bit(m.size) && m.size < 1u << StubAddresses::sizes;
    return request_.has_stack_page && m.base == static_cast<int>(Gpr::rsp) &&
           m.index == no_register && !m.fs && !m.gs && !m.address32 && (!flags_live || is_sized);
}

/// Asks Tlb::StackPage for the address in R11; what R11 holds where it fails.
BlockEmitter::Cold::Left BlockEmitter::access_stack(unsigned size, bool flags_live,
                                                    asmjit::Label failed) {
    if (!flags_live) {
        access_stack_dead(size, failed);
        return Cold::Left::tagged_stack;
    }
    if (!host_.bmi2) {
        save_flags();
        access_stack_dead(size, failed);
        restore_saved_flags();
        return Cold::Left::tagged_stack;
    }
    auto hit = a_.newLabel();
    a_.mov(rcx, stack_word(offsetof(Tlb::StackPage, negated_tag)));
    a_.lea(rcx, x86::ptr(r11, rcx));
    // What is aligned does not leave the page.
    const auto mask = static_cast<std::size_t>(std::countr_zero(size));
    a_.pext(rcx, rcx, context_word(offsetof(Context, place_mask) + 8 * mask));
    a_.short_().jecxz(rcx, hit);
    a_.jmp(failed);
    a_.bind(hit);
    a_.mov(rcx, stack_word(offsetof(Tlb::StackPage, distance)));
    return Cold::Left::address;
}

void BlockEmitter::access_stack_dead(unsigned size, asmjit::Label failed) {
    a_.xor_(r11, stack_word(offsetof(Tlb::StackPage, tag)));
    a_.cmp(r11, static_cast<std::int32_t>(4096 - size));
    a_.ja(failed);
    a_.mov(rcx, stack_word(offsetof(Tlb::StackPage, host)));
}

/// A group that is in another page than the last one: the stub looks it up, and only where that
/// fails the block without groups takes over.
void BlockEmitter::find_stack_span(const MemoryOperand& span, asmjit::Label failed) {
    const ColdGroup cold{a_.newLabel(), a_.newLabel(), failed,
                         AccessInfo::make(span.size, span.write, 0).raw};
    access_stack(span.size, false, cold.entry);
    a_.bind(cold.resume);
    cold_groups_.push_back(cold);
}

void BlockEmitter::access_live_saved(unsigned size, bool write, asmjit::Label failed) {
    // Without BMI2 there is no way to mask bits and keep the flags: keep them in memory.
    save_flags();
    access_dead(size, write, failed);
    restore_saved_flags();
}

void BlockEmitter::save_flags() {
    const auto rax_home = context_word(offsetof(Context, gpr));
    a_.mov(rax_home, x86::rax);
    a_.lahf();
    a_.seto(x86::al);
    a_.mov(context_word(offsetof(Context, scratch)), x86::rax);
    a_.mov(x86::rax, rax_home);
}

void BlockEmitter::restore_saved_flags() {
    const auto rax_home = context_word(offsetof(Context, gpr));
    a_.mov(rax_home, x86::rax);
    a_.mov(x86::rax, context_word(offsetof(Context, scratch)));
    a_.add(x86::al, 0x7f);
    a_.sahf();
    a_.mov(x86::rax, rax_home);
}

/// Makes R11 the address again.
void BlockEmitter::untag(Cold::Left left, bool write) {
    switch (left) {
        case Cold::Left::address:
        case Cold::Left::nothing:
            break;
        case Cold::Left::tagged:
            a_.xor_(r11, tlb_word(write ? offsetof(Tlb, write_tag) : offsetof(Tlb, read_tag), rcx));
            break;
        case Cold::Left::tagged_stack:
            a_.xor_(r11, stack_word(offsetof(Tlb::StackPage, tag)));
            break;
    }
}

/// The stub that knows what else there is to say of this operand; 0: none does.
std::uint64_t BlockEmitter::short_stub(const Cold& cold) const {
    const AccessInfo info{cold.info};
    if (info.operand() != 0 || cold.displacement != 0 || !std::has_single_bit(info.size()))
        return 0;
    const auto size = static_cast<unsigned>(std::countr_zero(info.size()));
    if (size >= StubAddresses::sizes) return 0;
    return stubs_.short_access[cold.is_stack ? 1 : 0][info.write() ? 1 : 0][size];
}

void BlockEmitter::cold_access(const Cold& cold) {
    a_.bind(cold.entry);
    untag(cold.left, cold.write);
    if (cold.left == Cold::Left::nothing) {
        a_.mov(r11, cold.address);
        if (cold.is_near_code) relocate(Relocation::Kind::address);
    }
    // The instruction may fault, or be done in C++: from here on flags are the guest's.
    if (cold.flags_in_scratch) restore_saved_flags();
    if (const std::uint64_t stub = short_stub(cold)) {
        a_.lea(rcx, x86::ptr(cold.resume));
        jump_to_stub(stub);
        return;
    }
    a_.mov(context_word(offsetof(Context, access_address)), r11);
    a_.mov(context_word(offsetof(Context, access_info), 4), cold.info);
    a_.lea(rcx, x86::ptr(cold.resume));
    a_.mov(context_word(offsetof(Context, site)), rcx);
    auto found = a_.newLabel();
    if (cold.displacement != 0) a_.lea(rcx, x86::ptr(found));
    a_.mov(context_word(offsetof(Context, resume)), rcx);
    jump_to_stub(stubs_.access);
    if (cold.displacement == 0) return;
    a_.bind(found);
    a_.lea(r11, x86::ptr(r11, -cold.displacement));
    a_.jmp(cold.resume);
}

void BlockEmitter::cold_group(const ColdGroup& cold) {
    a_.bind(cold.entry);
    untag(Cold::Left::tagged_stack, false);
    a_.mov(context_word(offsetof(Context, access_info), 4), cold.info);
    a_.lea(rcx, x86::ptr(cold.resume));
    a_.mov(context_word(offsetof(Context, resume)), rcx);
    a_.lea(rcx, x86::ptr(cold.failed));
    jump_to_stub(stubs_.stack_group);
}

void BlockEmitter::cold_paths() {
    for (const auto& cold : cold_) cold_access(cold);
    for (const auto& cold : cold_groups_) cold_group(cold);
    for (const auto& cold : cold_fpu_) {
        a_.bind(cold.entry);
        a_.lea(rcx, x86::ptr(cold.resume));
        jump_to_stub(stubs_.load_fpu);
    }
    const auto budget = gp(host_register::budget);
    for (const auto& exit : side_exits_) {
        a_.bind(exit.entry);
        if (exit.flags_in_scratch) restore_saved_flags();
        if (exit.rest != 0) {
            a_.lea(budget, x86::ptr(budget, static_cast<std::int32_t>(exit.rest)));
        }
        go_to(exit.target, exit.variant);
    }
    for (const unsigned number : cold_links_) leave_by_link(number);
    for (const auto& cold : cold_windows_) cold_window(cold);
    a_.bind(out_of_budget_);
    a_.lea(budget, x86::ptr(budget, static_cast<std::int32_t>(insns_)));
    leave_to(stubs_.budget);
}

asmjit::Label BlockEmitter::side_exit(Vaddr target, unsigned rest, Variant variant) {
    const auto entry = a_.newLabel();
    side_exits_.push_back({entry, target, rest, variant, false});
    return entry;
}

void BlockEmitter::leave_to(std::uint64_t stub) {
    mark_link(0);
    jump_to_stub(stub);
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
        jump_to_stub(stubs_.bounced);
        return;
    }
    if (request_.variant == Variant::single) {
        jump_to_stub(stubs_.miss);
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
    mov_address(r11, target.raw);
    const std::size_t jumps =
        offsetof(Context, jumps) + (request_.kernel_mode ? sizeof(Context::jumps) / 2 : 0);
    a_.jmp(context_word(jumps + 8 * (target.raw & 0xffff)));
    relocate(Relocation::Kind::jump_entry, jumps);
}

void BlockEmitter::go_to(Vaddr target, Variant variant) {
    ended_ = true;
    if (request_.variant == Variant::single || request_.variant == Variant::bounced) {
        mov_address(r11, target.raw);
        jump_to_stub(request_.variant == Variant::bounced ? stubs_.bounced : stubs_.miss);
        return;
    }
    if (!is_linked_to(target)) {
        jump_through_cache(target);
        return;
    }
    constexpr std::uint8_t jump[] = {0xe9, 0, 0, 0, 0};
    embed(jump, sizeof jump);
    leave_by_link(add_link(target, variant));
}

/// Whether a branch to there can be linked.
bool BlockEmitter::is_linked_to(Vaddr target) const {
    const bool is_linked =
        request_.variant == Variant::normal || request_.variant == Variant::unmerged;
    if (!is_linked || page_of(target) == request_.page) return is_linked;
    // Pages are where they are for one address space alone.
    const auto distance = static_cast<std::int64_t>(target.raw - request_.page.raw);
    return request_.windows != nullptr && distance == static_cast<std::int32_t>(distance);
}

/// The last bytes emitted are the rel32 of a branch that can be linked.
unsigned BlockEmitter::add_link(Vaddr target, Variant variant) {
    const auto number = static_cast<unsigned>(out_.links.size());
    HV_CHECK(number < 1u << LinkNumber::bits, "a block has few ways out");
    out_.links.push_back({static_cast<std::int32_t>(target.raw - request_.page.raw),
                          static_cast<std::uint16_t>(a_.offset() - 4), variant});
    return number;
}

/// Where the branch leads until its target is known.
void BlockEmitter::leave_by_link(unsigned number) {
    out_.links[number].unlinked = static_cast<std::uint16_t>(a_.offset());
    mark_link(number);
    jump_to_stub(stubs_.link);
}

/// A conditional branch to where is_linked_to().
void BlockEmitter::go_if(x86::CondCode condition, Vaddr target) {
    const std::uint8_t jump[] = {
        0x0f, static_cast<std::uint8_t>(0x80 | static_cast<unsigned>(condition)), 0, 0, 0, 0};
    embed(jump, sizeof jump);
    cold_links_.push_back(add_link(target, Variant::normal));
}

Translation BlockEmitter::finish() {
    HV_CHECK(ended_, "a block must end with a branch");
    cold_paths();
    // What is in one page alone is entered without a look-up.
    out_.lookup_entry = out_.direct_entry;
    if (request_.code.size() > page_size) {
        out_.lookup_entry = static_cast<std::uint32_t>(a_.offset());
        jump_through_cache(request_.rip);
    }
    code_.flatten();
    code_.resolveUnresolvedLinks();
    code_.relocateToBase(request_.host_base);
    out_.host_code.resize(code_.codeSize());
    HV_CHECK(out_.host_code.size() < 1u << 16, "offsets in a block have 16 bits");
    HV_CHECK(
        code_.copyFlattenedData(out_.host_code.data(), out_.host_code.size()) == asmjit::kErrorOk,
        "emitted code could not be copied");
    return std::move(out_);
}

}  // namespace ring3
