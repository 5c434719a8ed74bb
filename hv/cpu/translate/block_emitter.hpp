// SPDX-License-Identifier: MIT
// Emits the host code of one block: addresses, TLB checks, moves between guest registers and their
// homes, branches. What each guest instruction needs is in emit_*.cpp.
#pragma once

#include <asmjit/x86.h>

#include <vector>

#include "hv/cpu/translate/context.hpp"
#include "hv/cpu/translate/plan.hpp"
#include "hv/cpu/translate/spilled.hpp"
#include "hv/cpu/translate/translate.hpp"

namespace ring3 {

namespace x86 = asmjit::x86;

/// A field of the Context, as an operand.
x86::Mem context_word(std::size_t offset, std::uint32_t size = 8);

/// Host registers with a fixed part (numbers as encoded).
namespace host_register {
constexpr std::uint8_t scratch1 = 1;    // RCX
constexpr std::uint8_t budget = 8;      // R8
constexpr std::uint8_t guest_rcx = 10;  // R10
constexpr std::uint8_t scratch0 = 11;   // R11
}  // namespace host_register

class BlockEmitter {
public:
    BlockEmitter(const TranslationRequest& request, const HostFeatures& host,
                 const StubAddresses& stubs);

    /// Budget check and, before it, the entries.
    void begin(unsigned insns, bool flags_live);
    void take_from_budget(std::int32_t insns, bool flags_live);
    /// Emits the next instruction, with the flags that are live before and after it; false: it
    /// ended the block.
    bool instruction(const PlannedInsn& planned, std::uint32_t live_before,
                     std::uint32_t live_after);
    /// Goes on at `target` (the block was cut, or a branch).
    void go_to(Vaddr target) { go_to(target, Variant::normal); }
    Translation finish();

private:
    struct Cold {
        asmjit::Label entry, resume;
        std::uint32_t info = 0;
        /// What the check left in R11: the address, or the address XORed with the entry's tag.
        enum class Left : std::uint8_t {
            address,
            tagged,
            tagged_stack,  ///< with Tlb::StackPage's
            nothing,
        } left = Left::nothing;
        bool is_stack = false;          // relative to RSP
        bool flags_in_scratch = false;  // without BMI2
        bool write = false;
        std::uint64_t address = 0;      // of a constant one, for Left::nothing
        bool is_near_code = false;      // which is relative to RIP
        std::int32_t displacement = 0;  // what the operand adds to R11
    };
    /// Where a block goes on in its cold part: with `rest` instructions given back to the budget.
    struct SideExit {
        asmjit::Label entry;
        Vaddr target;
        unsigned rest;
        Variant variant;
        bool flags_in_scratch = false;  // without BMI2
    };
    /// Where the current operand stands: [base + RCX + displacement], or without RCX; or in a
    /// window [base + (index << shift) + displacement], relative to the FS base.
    struct HostPlace {
        bool indexed = true;
        std::int32_t displacement = 0;
        x86::Gp base = x86::r11;
        std::int8_t index = no_register;  // number of the host's register
        std::uint8_t shift = 0;
        bool fs = false;
    };
    /// Where a group relative to RSP is looked for when it is not in the page of the stack.
    struct ColdGroup {
        asmjit::Label entry, resume, failed;
        std::uint32_t info = 0;
    };
    /// An address in another region than the one of its check.
    struct ColdWindow {
        asmjit::Label entry, resume;
        x86::Gp address;
        std::size_t site;  // number of its WindowSite
    };
    /// [base + index * scale + displacement], with the registers as they are now, is in a region
    /// that has a window.
    struct Checked {
        std::int8_t base, index;
        std::uint8_t scale;
        std::int64_t displacement;
    };
    struct ColdFpu {
        asmjit::Label entry, resume;
    };

    x86::Gp gp(int number) const { return x86::gpq(static_cast<std::uint32_t>(number)); }
    x86::Mem guest_slot(int guest, std::uint32_t size = 8) const;
    x86::Mem stack_word(std::size_t member) const;
    x86::Mem tlb_word(std::size_t member, x86::Gp index, unsigned shift = 0) const;
    void load_guest(x86::Gp into, int guest);
    void store_guest(int guest, x86::Gp from);
    /// The last bytes emitted are a constant of this kind.
    void relocate(Relocation::Kind kind, std::size_t array = 0);
    void mov_address(x86::Gp into, std::uint64_t address);
    void mov_constant_address(x86::Gp into, const MemoryOperand& m, bool low_half);
    void mov_negated(x86::Gp into, std::uint64_t negated);
    void jump_to_stub(std::uint64_t stub);
    void mark_link(unsigned number);
    void embed(const void* bytes, std::size_t size) { a_.embed(bytes, size); }

    /// The host's register for one that is not spilled.
    x86::Gp home_of(int guest) const {
        return gp(guest == static_cast<int>(Gpr::rcx) ? host_register::guest_rcx : guest);
    }
    std::uint64_t constant_address(const MemoryOperand& m) const;

    /// Afterwards the operand is at operand(). `stack_delta` is added when the base is RSP (pop to
    /// memory).
    void access(const MemoryOperand& m, unsigned size, bool write, bool flags_live,
                int stack_delta = 0);
    /// R11 = effective address.
    void address(const MemoryOperand& m, int stack_delta);
    void linear_address(const MemoryOperand& m, int stack_delta);
    /// What LEA computes, with at most this scratch register (and RCX, where R11 is it).
    x86::Mem address_operand(const MemoryOperand& m, int stack_delta, x86::Gp scratch);
    bool has_stack_page(const MemoryOperand& m, bool flags_live) const;
    Cold::Left access_stack(unsigned size, bool flags_live, asmjit::Label failed);
    void access_stack_dead(unsigned size, asmjit::Label failed);
    void find_stack_span(const MemoryOperand& span, asmjit::Label failed);
    void shift_to_rcx(x86::Gp from, unsigned bits);
    void access_dead(unsigned size, bool write, asmjit::Label failed);
    void access_live_bmi2(unsigned size, bool write, asmjit::Label failed);
    void access_live_saved(unsigned size, bool write, asmjit::Label failed);
    bool access_constant(const MemoryOperand& m, bool write, bool flags_live, asmjit::Label failed);
    void check(const MemoryOperand& m, int stack_delta, unsigned size, bool write, bool flags_live);
    Cold cold_path(unsigned size, bool write);
    bool uses_windows() const;
    bool find_in_window(const MemoryOperand& m, int stack_delta, bool flags_live);
    std::uint16_t last_constant() const;
    void check_region(x86::Gp address, bool flags_live);
    void place_in_window(const MemoryOperand& m, int stack_delta);
    void keep_checked(const Insn& insn);
    void cold_window(const ColdWindow& cold);
    void check_r11(Cold cold, unsigned size, bool write, bool flags_live);
    void find_group(const PlannedInsn& planned, bool flags_live);
    std::int32_t find_span(const MemoryOperand& span, bool flags_live, asmjit::Label failed);
    void enter_group(const PlannedInsn& planned, bool flags_live);
    x86::Mem operand(unsigned size) const;
    x86::Mem operand_without_rcx(unsigned size);
    void save_flags();
    void restore_saved_flags();
    void cold_paths();
    void cold_access(const Cold& cold);
    void cold_group(const ColdGroup& cold);
    void untag(Cold::Left left, bool write);
    std::uint64_t short_stub(const Cold& cold) const;
    asmjit::Label side_exit(Vaddr target, unsigned rest, Variant variant = Variant::normal);
    void go_to(Vaddr target, Variant variant);
    bool is_linked_to(Vaddr target) const;
    unsigned add_link(Vaddr target, Variant variant);
    void leave_by_link(unsigned number);
    void go_if(x86::CondCode condition, Vaddr target);

    void plain(const Insn& insn, bool flags_live);
    bool plain_in_slot(const Insn& insn);
    void lea(const Insn& insn);
    void read_segment(const Insn& insn);
    void bit_string(const Insn& insn, bool flags_live);
    void rep_string(const Insn& insn, Vaddr behind, bool flags_live);
    void find_string(int guest, bool write, std::size_t distance, asmjit::Label failed);
    void push(const Insn& insn, bool flags_live);
    void pop(const Insn& insn, bool flags_live);
    void leave(const Insn& insn, bool flags_live);
    void call(const Insn& insn, Vaddr behind, bool flags_live);
    void branch_target_operand(const Insn& insn, bool flags_live);
    void ret(const Insn& insn, bool flags_live);
    void push_address(std::uint64_t value, bool flags_live);
    void put_constant(std::uint64_t value, bool is_address);
    void jump_to_r11();
    void jump_through_cache(Vaddr target);
    void need_fpu();
    void define_flags(const Insn& insn);
    void leave_to(std::uint64_t stub);
    void borrow(int slot, std::uint8_t host);
    std::uint8_t lend(std::uint32_t in_use, bool low);

    const TranslationRequest& request_;
    const HostFeatures& host_;
    const StubAddresses& stubs_;
    asmjit::CodeHolder code_;
    x86::Assembler a_;
    Translation out_;
    std::vector<Cold> cold_;
    std::vector<ColdFpu> cold_fpu_;
    std::vector<unsigned> cold_links_;  // by number
    std::vector<ColdWindow> cold_windows_;
    std::vector<ColdGroup> cold_groups_;
    std::vector<Checked> checked_;  // so far
    const Insn* before_ = nullptr;  // the instruction before the current one
    std::vector<SideExit> side_exits_;
    asmjit::Label out_of_budget_;
    unsigned insns_ = 0;
    unsigned emitted_ = 0;  // instructions so far
    unsigned operand_ = 0;  // memory operands of the current instruction so far
    HostPlace place_;
    bool is_grouped_ = false;  // R11 leads to a group: the current instruction must spare it
    bool is_member_ = false;   // and its operand is in that group
    std::array<std::int32_t, most_groups> group_start_{};  // of each group, from R11
    std::int32_t group_displacement_ = 0;                  // of the current operand, from R11
    bool fpu_present_ = false;                             // this block has checked already
    bool ended_ = false;
    Vaddr rip_{};  // of the current instruction
    /// What displacements relative to RIP count from: the instruction behind the current one, or
    /// for a group's span the page.
    Vaddr origin_{};
};

}  // namespace ring3
