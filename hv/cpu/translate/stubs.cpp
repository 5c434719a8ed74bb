// SPDX-License-Identifier: MIT
#include "hv/cpu/translate/stubs.hpp"

#include <asmjit/x86.h>

#include <cstddef>

#include "hv/base/check.hpp"
#include "hv/base/units.hpp"
#include "hv/cpu/translate/block_emitter.hpp"

namespace ring3 {
namespace {

/// x87, SSE and AVX: the state components that a guest may use (XCR0 bits).
constexpr int avx_components = 7;

class StubEmitter {
public:
    StubEmitter(std::uint64_t base, const Helpers& helpers, const HostFeatures& host,
                IsaLevel level)
        : base_(base),
          helpers_(helpers),
          avx_(level == IsaLevel::x86_64_v3),
          has_fs_(host.fsgsbase) {
        code_.init(asmjit::Environment::host(), base);
        code_.attach(&a_);
        leave_ = a_.newLabel();
        access_ = a_.newLabel();
    }

    std::vector<std::uint8_t> emit(Stubs& out) {
        out.enter = here();
        enter();
        for (const bool kernel_mode : {false, true}) {
            out.lookup[kernel_mode ? 1 : 0] = here();
            lookup(kernel_mode);
        }
        out.addresses.access = here();
        access();
        short_accesses(out.addresses);
        out.addresses.stack_group = here();
        stack_group();
        out.addresses.other_region = here();
        other_region(out.addresses);
        out.refused = here();
        refused();
        out.addresses.load_fpu = here();
        load_fpu();
        out.addresses.link = here();
        leave_by_link(Leave::link);
        out.addresses.miss = here();
        miss();
        out.addresses.budget = here();
        leave_by_link(Leave::budget);
        out.addresses.emulate = here();
        leave_by_link(Leave::emulate);
        out.addresses.bounced = here();
        leave(Leave::bounced, true);
        out.trap = here();
        leave(Leave::trap, false);
        common_leave();
        code_.flatten();
        code_.resolveUnresolvedLinks();
        code_.relocateToBase(base_);
        std::vector<std::uint8_t> bytes(code_.codeSize());
        HV_CHECK(code_.copyFlattenedData(bytes.data(), bytes.size()) == asmjit::kErrorOk,
                 "stubs could not be copied");
        return bytes;
    }

private:
    static constexpr int identity[] = {0, 2, 3, 5, 6, 7, 9, 12, 13, 14, 15};

    std::uint64_t here() const { return base_ + a_.offset(); }
    static x86::Mem slot(int guest) {
        return context_word(offsetof(Context, gpr) + 8 * static_cast<std::size_t>(guest));
    }
    static x86::Gp gp(int n) { return x86::gpq(static_cast<std::uint32_t>(n)); }

    void save_guest() {
        for (const int n : identity) a_.mov(slot(n), gp(n));
        a_.mov(slot(1), gp(host_register::guest_rcx));
        a_.mov(slot(4), x86::rsp);
        a_.mov(context_word(offsetof(Context, budget)), gp(host_register::budget));
        a_.mov(x86::rsp, context_word(offsetof(Context, host_rsp)));
        a_.pushfq();
        a_.pop(context_word(offsetof(Context, flags)));
        set_fs(offsetof(Context, code_fs), offsetof(Context, host_fs));
    }

    /// The FS base goes from the one to the other; clobbers RCX and the flags.
    void set_fs(std::size_t from, std::size_t to) {
        if (!has_fs_) return;
        auto same = a_.newLabel();
        a_.mov(x86::rcx, context_word(to));
        a_.cmp(x86::rcx, context_word(from));
        a_.je(same);
        a_.wrfsbase(x86::rcx);
        a_.bind(same);
    }

    void load_guest() {
        set_fs(offsetof(Context, host_fs), offsetof(Context, code_fs));
        a_.push(context_word(offsetof(Context, flags)));
        a_.popfq();
        for (const int n : identity) a_.mov(gp(n), slot(n));
        a_.mov(gp(host_register::guest_rcx), slot(1));
        a_.mov(gp(host_register::budget), context_word(offsetof(Context, budget)));
        a_.mov(x86::rsp, slot(4));
    }

    /// RDI = image; clobbers RAX and RDX.
    void save_fpu() {
        a_.mov(context_word(offsetof(Context, fpu_image_changed)), 1);
        if (avx_) {
            a_.mov(x86::eax, avx_components);
            a_.xor_(x86::edx, x86::edx);
            a_.xsave64(x86::ptr(x86::rdi));
        } else {
            a_.fxsave64(x86::ptr(x86::rdi));
        }
    }

    void restore_fpu(x86::Gp image) {
        if (avx_) {
            a_.mov(x86::eax, avx_components);
            a_.xor_(x86::edx, x86::edx);
            a_.xrstor64(x86::ptr(image));
        } else {
            a_.fxrstor64(x86::ptr(image));
        }
    }

    static constexpr int callee_saved[] = {3, 5, 12, 13, 14, 15};

    void enter() {
        for (const int n : callee_saved) a_.push(gp(n));
        a_.sub(x86::rsp, 8);  // calls from the stubs find the stack aligned
        a_.mov(context_word(offsetof(Context, host_rsp)), x86::rsp);
        load_guest();
        a_.jmp(context_word(offsetof(Context, entry)));
    }

    void lookup(bool kernel_mode) {
        a_.mov(x86::r11, context_word(offsetof(Context, target)));
        a_.movzx(x86::ecx, x86::r11w);
        x86::Mem entry = x86::ptr(0, x86::rcx, 3, 8);
        entry.setOffset(static_cast<std::int64_t>(offsetof(Context, jumps) +
                                                  (kernel_mode ? sizeof(Context::jumps) / 2 : 0)));
        entry.setSegment(x86::gs);
        a_.jmp(entry);
    }

    /// RIP in R11: looks in the mode's JumpTable before it leaves.
    void miss() {
        auto missed = a_.newLabel();
        save_some();
        a_.mov(x86::rcx, x86::r11);
        a_.shr(x86::rcx, 15);
        a_.xor_(x86::rcx, x86::r11);
        a_.and_(x86::ecx, static_cast<int>(JumpTable::entries - 1));
        a_.shl(x86::ecx, 4);
        a_.add(x86::rcx, context_word(offsetof(Context, jump_table)));
        a_.cmp(x86::r11, x86::qword_ptr(x86::rcx, offsetof(JumpTable::Entry, rip)));
        a_.jne(missed);
        a_.mov(x86::rcx, x86::qword_ptr(x86::rcx, offsetof(JumpTable::Entry, entry)));
        a_.movzx(x86::eax, x86::r11w);
        a_.shl(x86::eax, 3);
        a_.add(x86::rax, context_word(offsetof(Context, jump_mode)));
        x86::Mem first = x86::ptr(x86::rax, offsetof(Context, jumps), 8);
        first.setSegment(x86::gs);
        a_.mov(first, x86::rcx);
        restore_some();
        a_.jmp(x86::rcx);
        a_.bind(missed);
        restore_some();
        leave(Leave::miss, true);
    }

    /// Keeps RAX, RDX and the guest's flags while a stub uses them.
    void save_some() {
        a_.mov(slot(0), x86::rax);
        a_.mov(slot(2), x86::rdx);
        a_.lahf();
        a_.seto(x86::al);
        a_.mov(context_word(offsetof(Context, scratch)), x86::rax);
    }
    void restore_some() {
        a_.mov(x86::rax, context_word(offsetof(Context, scratch)));
        a_.add(x86::al, 0x7f);
        a_.sahf();
        a_.mov(x86::rax, slot(0));
        a_.mov(x86::rdx, slot(2));
    }

    /// Looks for the address in R11 in the second level of the TLB, moves what it finds to the
    /// first and goes on in the block with the host address; falls through where there is nothing.
    void access_second() {
        auto missed = a_.newLabel();
        auto stores = a_.newLabel();
        auto storable = a_.newLabel();
        const auto& r11 = x86::r11;
        const auto& rcx = x86::rcx;
        const auto& rax = x86::rax;
        const auto& rdx = x86::rdx;
        constexpr int no_page_bits = -static_cast<int>(page_size);
        const auto entry = [&](std::size_t member) {
            return x86::qword_ptr(rcx, static_cast<std::int32_t>(member));
        };
        const auto first = [&](std::size_t member) {
            x86::Mem m =
                x86::ptr(rdx, static_cast<std::int32_t>(offsetof(Context, tlb) + member), 8);
            m.setSegment(x86::gs);
            return m;
        };

        save_some();
        a_.movzx(x86::ecx, context_word(offsetof(Context, access_info), 2));
        a_.mov(x86::eax, x86::r11d);
        a_.and_(x86::eax, static_cast<int>(page_size - 1));
        a_.add(x86::ecx, x86::eax);
        a_.cmp(x86::ecx, static_cast<int>(page_size));
        a_.ja(missed);

        a_.mov(rcx, r11);
        a_.shr(rcx, page_shift);
        a_.mov(rdx, rcx);
        a_.shr(rdx, 15);
        a_.xor_(x86::ecx, x86::edx);
        a_.and_(x86::ecx, static_cast<int>(SecondTlb::entries - 1));
        a_.shl(x86::ecx, 5);
        a_.add(rcx, context_word(offsetof(Context, second_tlb)));
        a_.mov(rax, r11);
        a_.shr(rax, 63);
        a_.mov(rdx, r11);
        a_.and_(rdx, no_page_bits);
        x86::Mem epoch = x86::ptr(0, rax, 3, 8);
        epoch.setOffset(offsetof(Context, second_epoch));
        epoch.setSegment(x86::gs);
        a_.add(rdx, epoch);
        a_.cmp(rdx, entry(offsetof(SecondTlb::Entry, tag)));
        a_.jne(missed);
        a_.mov(rax, entry(offsetof(SecondTlb::Entry, right_epoch_now)));
        a_.mov(rax, x86::ptr(rax));
        a_.or_(rax, 1);
        a_.mov(rdx, entry(offsetof(SecondTlb::Entry, right_epoch)));
        a_.cmp(context_word(offsetof(Context, access_info) + 2, 1), 0);
        a_.jne(stores);  // the entry itself must say that it may be
        a_.or_(rdx, 1);
        a_.bind(stores);
        a_.cmp(rax, rdx);
        a_.jne(missed);

        a_.mov(rdx, r11);
        a_.shr(rdx, 9);
        a_.and_(x86::edx, Tlb::index_mask);
        a_.add(rdx, context_word(offsetof(Context, mode)));
        a_.mov(rax, r11);
        a_.and_(rax, no_page_bits);
        a_.mov(first(offsetof(Tlb, read_tag)), rax);
        a_.test(x86::byte_ptr(rcx, offsetof(SecondTlb::Entry, right_epoch)), 1);
        a_.jnz(storable);
        // As Tlb::unused_tag: a page that belongs to an index far away.
        a_.xor_(rax, static_cast<int>(Tlb::entries / 2 * page_size));
        a_.bind(storable);
        a_.mov(first(offsetof(Tlb, write_tag)), rax);
        a_.mov(rax, entry(offsetof(SecondTlb::Entry, host)));
        a_.mov(first(offsetof(Tlb, host)), rax);
        a_.mov(rcx, r11);
        a_.and_(rcx, no_page_bits);
        a_.sub(rax, rcx);
        a_.mov(first(offsetof(Tlb, distance)), rax);
        a_.shr(rcx, page_shift + 6);
        a_.and_(x86::ecx, static_cast<int>(Tlb::entries / 64 - 1));
        a_.mov(rdx, context_word(offsetof(Context, mode)));
        x86::Mem group = x86::ptr(
            rdx, rcx, 0, static_cast<std::int32_t>(offsetof(Context, tlb[0].lower_half)), 1);
        group.setSegment(x86::gs);
        a_.mov(group, 1);
        a_.add(r11, rax);
        a_.mov(x86::ecx, 0);
        restore_some();
        a_.jmp(context_word(offsetof(Context, resume)));

        a_.bind(missed);
        restore_some();
    }

    /// One for each kind of operand: says what the block would have to say.
    void short_accesses(StubAddresses& addresses) {
        for (const bool is_stack : {false, true}) {
            for (const bool write : {false, true}) {
                auto common = a_.newLabel();
                for (unsigned size = 0; size < StubAddresses::sizes; ++size) {
                    addresses.short_access[is_stack ? 1 : 0][write ? 1 : 0][size] = here();
                    a_.mov(context_word(offsetof(Context, access_info), 4),
                           AccessInfo::make(1u << size, write, 0).raw);
                    a_.jmp(common);
                }
                a_.bind(common);
                a_.mov(context_word(offsetof(Context, access_address)), x86::r11);
                a_.mov(context_word(offsetof(Context, site)), x86::rcx);
                a_.mov(context_word(offsetof(Context, resume)), x86::rcx);
                if (is_stack) {
                    auto missed = a_.newLabel();
                    find_stack(missed);
                    a_.bind(missed);
                    restore_some();
                }
                a_.jmp(access_);
            }
        }
    }

    /// RCX: where to go if a group at R11 is not in one page that the first level knows.
    void stack_group() {
        auto missed = a_.newLabel();
        a_.mov(context_word(offsetof(Context, site)), x86::rcx);
        find_stack(missed);
        a_.bind(missed);
        restore_some();
        a_.jmp(context_word(offsetof(Context, site)));
    }

    /// Looks for the address in R11 in the first level, makes its page that of the stack if it may
    /// be stored to, and goes on in the block.
    void find_stack(asmjit::Label missed) {
        const auto& rax = x86::rax;
        const auto& rcx = x86::rcx;
        const auto& rdx = x86::rdx;
        const auto in_tlb = [](x86::Gp index, std::size_t member) {
            x86::Mem m =
                x86::ptr(index, static_cast<std::int32_t>(offsetof(Context, tlb) + member), 8);
            m.setSegment(x86::gs);
            return m;
        };
        const auto to_stack = [&](std::size_t member) {
            a_.mov(in_tlb(rcx, offsetof(Tlb, stack) + member), rax);
        };
        auto only_read = a_.newLabel();
        save_some();
        a_.movzx(x86::ecx, context_word(offsetof(Context, access_info), 2));
        a_.mov(x86::eax, x86::r11d);
        a_.and_(x86::eax, static_cast<int>(page_size - 1));
        a_.add(x86::ecx, x86::eax);
        a_.cmp(x86::ecx, static_cast<int>(page_size));
        a_.ja(missed);
        a_.mov(rcx, context_word(offsetof(Context, mode)));
        a_.mov(rdx, x86::r11);
        a_.shr(rdx, 9);
        a_.and_(x86::edx, Tlb::index_mask);
        a_.add(rdx, rcx);
        a_.mov(rax, x86::r11);
        a_.and_(rax, -static_cast<int>(page_size));
        a_.cmp(rax, in_tlb(rdx, offsetof(Tlb, read_tag)));
        a_.jne(missed);
        a_.cmp(rax, in_tlb(rdx, offsetof(Tlb, write_tag)));
        a_.jne(only_read);
        to_stack(offsetof(Tlb::StackPage, tag));
        a_.neg(rax);
        to_stack(offsetof(Tlb::StackPage, negated_tag));
        a_.mov(rax, in_tlb(rdx, offsetof(Tlb, host)));
        to_stack(offsetof(Tlb::StackPage, host));
        a_.mov(rax, in_tlb(rdx, offsetof(Tlb, distance)));
        to_stack(offsetof(Tlb::StackPage, distance));
        auto found = a_.newLabel();
        a_.bind(found);
        a_.add(x86::r11, in_tlb(rdx, offsetof(Tlb, distance)));
        restore_some();
        a_.mov(x86::ecx, 0);
        a_.jmp(context_word(offsetof(Context, resume)));
        a_.bind(only_read);
        a_.test(context_word(offsetof(Context, access_info) + 2, 1), 1);
        a_.jz(found);
    }

    void access() {
        a_.bind(access_);
        access_second();
        // The block goes on with the answer in R11.
        call(helpers_.access, Leave::access);
        a_.mov(x86::r11, x86::rax);
        back_to_guest();
        a_.mov(x86::ecx, 0);
        a_.jmp(context_word(offsetof(Context, resume)));
    }

    /// The address at R11 is not in the region that a check is for: the block goes on at RCX if the
    /// one that it is in has a window.
    void other_region(StubAddresses& addresses) {
        auto missed = a_.newLabel();
        a_.mov(context_word(offsetof(Context, resume)), x86::rcx);
        save_some();
        a_.mov(x86::rcx, x86::r11);
        a_.shr(x86::rcx, 32);
        a_.mov(x86::eax, x86::ecx);
        a_.and_(x86::eax, static_cast<int>(RegionTable::slots - 1));
        x86::Mem region = x86::ptr(0, x86::rax, 2, 4);
        region.setOffset(static_cast<std::int64_t>(offsetof(Context, regions)));
        region.setSegment(x86::gs);
        a_.cmp(x86::ecx, region);
        a_.jne(missed);
        restore_some();
        a_.jmp(context_word(offsetof(Context, resume)));
        a_.bind(missed);
        restore_some();
        a_.mov(x86::rcx, context_word(offsetof(Context, resume)));
        addresses.open_window = here();
        a_.mov(context_word(offsetof(Context, resume)), x86::rcx);
        a_.mov(context_word(offsetof(Context, site)), x86::rcx);
        a_.mov(context_word(offsetof(Context, access_address)), x86::r11);
        call(helpers_.region, Leave::access);
        back_to_guest();
        a_.mov(x86::r11, context_word(offsetof(Context, access_address)));
        a_.jmp(context_word(offsetof(Context, resume)));
    }

    /// From the signal handler: the host's MMU refused an access at Context::site. Where it may be
    /// made now, it is.
    void refused() {
        a_.mov(context_word(offsetof(Context, refused_r11)), x86::r11);
        a_.mov(context_word(offsetof(Context, refused_rcx)), x86::rcx);
        call(helpers_.refused, Leave::trap);
        back_to_guest();
        a_.mov(x86::r11, context_word(offsetof(Context, refused_r11)));
        a_.mov(x86::rcx, context_word(offsetof(Context, refused_rcx)));
        a_.jmp(context_word(offsetof(Context, site)));
    }

    /// Calls C++ in between; where it answers 0, the block is left for this cause.
    void call(Helper helper, Leave cause) {
        auto no_fpu = a_.newLabel();
        auto found = a_.newLabel();
        save_guest();
        a_.cmp(context_word(offsetof(Context, fpu_absent)), 0);
        a_.jne(no_fpu);
        a_.mov(x86::rdi, context_word(offsetof(Context, fpu_image)));
        save_fpu();
        a_.bind(no_fpu);
        a_.mov(x86::rdi, context_word(offsetof(Context, owner)));
        a_.mov(x86::rax, reinterpret_cast<std::uint64_t>(helper));
        a_.call(x86::rax);
        a_.test(x86::rax, x86::rax);
        a_.jnz(found);
        a_.mov(context_word(offsetof(Context, leave), 4), static_cast<int>(cause));
        // The helper may have changed vector registers: what was saved above is the guest's state.
        to_cpp_with_fpu_saved();
        a_.bind(found);
    }

    /// Behind call(): leaves RAX, R11 and RCX to the caller until it has used them.
    void back_to_guest() {
        auto restored = a_.newLabel();
        a_.cmp(context_word(offsetof(Context, fpu_absent)), 0);
        a_.jne(restored);
        a_.mov(x86::rdi, context_word(offsetof(Context, fpu_image)));
        restore_fpu(x86::rdi);
        a_.bind(restored);
        load_guest();
    }

    void load_fpu() {
        auto enabled = a_.newLabel();
        a_.mov(context_word(offsetof(Context, site)), x86::rcx);
        a_.movzx(x86::ecx, context_word(offsetof(Context, fpu_disabled), 1));
        a_.short_().jecxz(x86::rcx, enabled);
        leave(Leave::no_fpu, false);
        a_.bind(enabled);
        a_.mov(x86::rcx, context_word(offsetof(Context, fpu_image)));
        if (avx_) {
            a_.mov(slot(0), x86::rax);
            a_.mov(slot(2), x86::rdx);
            a_.mov(x86::edx, 0);
            a_.mov(x86::eax, avx_components);
            a_.xrstor64(x86::ptr(x86::rcx));
            a_.mov(x86::rax, slot(0));
            a_.mov(x86::rdx, slot(2));
        } else {
            a_.fxrstor64(x86::ptr(x86::rcx));
        }
        a_.mov(context_word(offsetof(Context, fpu_absent)), 0);
        a_.jmp(context_word(offsetof(Context, site)));
    }

    void leave(Leave why, bool target_in_r11) {
        if (target_in_r11) a_.mov(context_word(offsetof(Context, target)), x86::r11);
        a_.mov(context_word(offsetof(Context, leave), 4), static_cast<int>(why));
        a_.jmp(leave_);
    }

    /// ECX: LinkNumber.
    void leave_by_link(Leave why) {
        a_.mov(context_word(offsetof(Context, link), 4), x86::ecx);
        leave(why, false);
    }

    void common_leave() {
        auto saved = a_.newLabel();
        a_.bind(leave_);
        save_guest();
        a_.cmp(context_word(offsetof(Context, fpu_absent)), 0);
        a_.jne(saved);
        a_.mov(x86::rdi, context_word(offsetof(Context, fpu_image)));
        save_fpu();
        a_.bind(saved);
        to_cpp_with_fpu_saved();
    }

    /// C++ runs with the host's MXCSR and an empty x87 stack.
    void to_cpp_with_fpu_saved() {
        auto absent = a_.newLabel();
        a_.cmp(context_word(offsetof(Context, fpu_absent)), 0);
        a_.jne(absent);
        a_.mov(context_word(offsetof(Context, fpu_absent)), 1);
        a_.ldmxcsr(context_word(offsetof(Context, host_mxcsr), 4));
        a_.fninit();
        if (avx_) a_.vzeroupper();
        a_.bind(absent);
        a_.add(x86::rsp, 8);
        for (int i = 5; i >= 0; --i) a_.pop(gp(callee_saved[i]));
        a_.ret();
    }

    std::uint64_t base_;
    Helpers helpers_;
    bool avx_;
    bool has_fs_;
    asmjit::CodeHolder code_;
    x86::Assembler a_;
    asmjit::Label leave_, access_;
};

}  // namespace

std::vector<std::uint8_t> make_stubs(std::uint64_t base, const Helpers& helpers,
                                     const HostFeatures& host, IsaLevel level, Stubs& out) {
    HV_CHECK(level == IsaLevel::x86_64_v2 || host.avx, "the host has AVX2 where the model has");
    return StubEmitter(base, helpers, host, level).emit(out);
}

}  // namespace ring3
