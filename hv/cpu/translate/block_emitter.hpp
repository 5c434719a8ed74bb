// SPDX-License-Identifier: MIT
// Emits the host code of one block: addresses, TLB checks, moves between guest registers and their
// homes, branches. What each guest instruction needs is in emit_*.cpp.
#pragma once

#include <asmjit/x86.h>

#include <vector>

#include "hv/cpu/translate/context.hpp"
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

/// Guest registers that have no host register.
constexpr bool is_spilled(int guest) { return guest == 8 || guest == 10 || guest == 11; }

class BlockEmitter {
public:
    BlockEmitter(const TranslationRequest& request, const HostFeatures& host,
                 const StubAddresses& stubs);

    /// Budget check and, before it, the entries.
    void begin(unsigned insns, bool flags_live);
    /// Emits one instruction that stands at `offset` in the page, with the flags that are live
    /// before and after it; false: it ended the block.
    bool instruction(const Insn& insn, std::uint32_t offset, std::uint32_t live_before,
                     std::uint32_t live_after);
    /// Goes on at `target` (the block was cut, or a branch).
    void go_to(Vaddr target);
    Translation finish();

private:
    struct Cold {
        asmjit::Label entry, resume;
        std::uint32_t info;
        bool address_in_scratch;  // flags were live: the address is in Context::scratch
        bool flags_in_scratch;    // without BMI2 the flags are there instead
        bool write;
    };
    struct ColdFpu {
        asmjit::Label entry, resume;
    };

    x86::Gp gp(int number) const { return x86::gpq(static_cast<std::uint32_t>(number)); }
    x86::Mem guest_slot(int guest, std::uint32_t size = 8) const;
    x86::Mem tlb_word(std::size_t member, x86::Gp index, unsigned shift = 0) const;
    void load_guest(x86::Gp into, int guest);
    void store_guest(int guest, x86::Gp from);
    void embed(const void* bytes, std::size_t size) { a_.embed(bytes, size); }

    /// R11 = effective address. `stack_delta` is added when the base is RSP (pop to memory).
    void address(const MemoryOperand& m, int stack_delta = 0);
    void linear_address(const MemoryOperand& m, int stack_delta);
    /// From R11 = address: afterwards the operand is at [R11 + RCX].
    void access(unsigned size, bool write, bool flags_live);
    void access_dead(unsigned size, bool write, bool flags_saved);
    void access_live_bmi2(unsigned size, bool write);
    void access_live_saved(unsigned size, bool write);
    void restore_saved_flags();
    void cold_paths();

    void plain(const Insn& insn, bool flags_live);
    void lea(const Insn& insn);
    void push(const Insn& insn, bool flags_live);
    void pop(const Insn& insn, bool flags_live);
    void leave(const Insn& insn, bool flags_live);
    void call(const Insn& insn, Vaddr behind, bool flags_live);
    void branch_target_operand(const Insn& insn, bool flags_live);
    void ret(const Insn& insn, bool flags_live);
    void push_constant(std::uint64_t value, bool flags_live);
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
    asmjit::Label out_of_budget_;
    unsigned insns_ = 0;
    unsigned operand_ = 0;      // memory operands of the current instruction so far
    bool fpu_present_ = false;  // this block has checked already
    bool ended_ = false;
    Vaddr behind_{};  // address of the instruction behind the current one
};

}  // namespace ring3
