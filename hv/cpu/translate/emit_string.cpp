// SPDX-License-Identifier: MIT
// BlockEmitter: strings of bits, and REP MOVS and REP STOS.
#include <cstddef>

#include "hv/cpu/translate/block_emitter.hpp"
#include "hv/cpu/translate/encode.hpp"

namespace ring3 {
namespace {

constexpr auto r11 = x86::r11;
constexpr auto rcx = x86::rcx;
constexpr auto ecx = x86::ecx;

unsigned log2_of(unsigned size) { return size == 8 ? 3 : size == 4 ? 2 : size == 2 ? 1 : 0; }

/// Bytes that one iteration of a string instruction moves.
unsigned element_size(const Insn& insn) {
    const bool is_byte = (insn.bytes[insn.opcode_offset] & 1) == 0;
    return is_byte ? 1 : insn.operand_size;
}

}  // namespace

/// SDM vol. 2, BT: the operand is the word that holds this bit of the string at the address.
void BlockEmitter::bit_string(const Insn& insn, bool flags_live) {
    const unsigned size = insn.operand_size;
    const auto bit = context_word(offsetof(Context, borrowed));
    const int guest = insn.reg.number;
    if (flags_live) save_flags();
    address(insn.memory, 0);
    if (size == 8) {
        load_guest(rcx, guest);
    } else if (is_spilled(guest)) {
        a_.movsxd(rcx, guest_slot(guest, 4));
    } else {
        a_.movsxd(rcx, home_of(guest).r32());
    }
    a_.mov(bit, rcx);
    a_.sar(rcx, 3 + log2_of(size));
    a_.lea(r11, x86::ptr(r11, rcx, log2_of(size)));
    a_.mov(ecx, context_word(offsetof(Context, borrowed), 4));
    a_.and_(ecx, 8 * size - 1);
    a_.mov(bit, rcx);
    if (flags_live) restore_saved_flags();
    check_r11(cold_path(size, insn.memory.write), size, insn.memory.write, flags_live);
    ++operand_;
    a_.lea(r11, x86::ptr(r11, rcx));
    a_.mov(rcx, bit);
    Rewrite rewrite;
    rewrite.base = host_register::scratch0;
    rewrite.reg = host_register::scratch1;
    const Encoded copy = encode(insn, rewrite);
    embed(copy.bytes.data(), copy.length);
}

/// For the string at this guest register, with its length in Context::borrowed[0]: the distance
/// from guest to host addresses, where it stays in one page that the TLB knows.
void BlockEmitter::find_string(int guest, bool write, std::size_t distance, asmjit::Label failed) {
    a_.mov(r11, gp(guest));
    a_.mov(rcx, r11);
    a_.shr(rcx, 9);
    a_.and_(ecx, Tlb::index_mask);
    a_.xor_(r11, tlb_word(write ? offsetof(Tlb, write_tag) : offsetof(Tlb, read_tag), rcx));
    a_.cmp(r11, static_cast<std::int32_t>(page_size - 1));
    a_.ja(failed);
    a_.add(r11, context_word(offsetof(Context, borrowed)));
    a_.cmp(r11, static_cast<std::int32_t>(page_size));
    a_.ja(failed);
    a_.mov(rcx, tlb_word(offsetof(Tlb, distance), rcx));
    a_.mov(context_word(distance), rcx);
}

/// Each iteration retires one instruction; the block has taken one from the budget. What does not
/// stay in a page, goes backwards, has no iteration or more than the budget is left to C++.
void BlockEmitter::rep_string(const Insn& insn, Vaddr behind, bool flags_live) {
    constexpr int rsi = static_cast<int>(Gpr::rsi), rdi = static_cast<int>(Gpr::rdi);
    constexpr std::size_t source = offsetof(Context, borrowed) + 8;
    constexpr std::size_t destination = offsetof(Context, target);
    const auto budget = gp(host_register::budget);
    const auto count = gp(host_register::guest_rcx);
    const unsigned shift = log2_of(element_size(insn));
    // A4H, A5H: MOVS; AAH, ABH: STOS.
    const bool moves = insn.bytes[insn.opcode_offset] < 0xa8;
    auto left_to_cpp = a_.newLabel();
    if (flags_live) save_flags();
    a_.cmp(context_word(offsetof(Context, direction)), 0);
    a_.jne(left_to_cpp);
    a_.lea(r11, x86::ptr(count, -1));
    a_.cmp(r11, static_cast<std::int32_t>(page_size >> shift));
    a_.jae(left_to_cpp);
    a_.cmp(budget, r11);
    a_.jb(left_to_cpp);
    a_.mov(rcx, count);
    if (shift != 0) a_.shl(rcx, shift);
    a_.mov(context_word(offsetof(Context, borrowed)), rcx);
    find_string(rdi, true, destination, left_to_cpp);
    if (moves) find_string(rsi, false, source, left_to_cpp);
    a_.mov(rcx, count);
    a_.add(gp(rdi), context_word(destination));
    if (moves) a_.add(gp(rsi), context_word(source));
    const Encoded copy = encode(insn, {});
    embed(copy.bytes.data(), copy.length);
    a_.sub(gp(rdi), context_word(destination));
    if (moves) a_.sub(gp(rsi), context_word(source));
    a_.sub(budget, count);
    a_.add(budget, 1);
    a_.xor_(count.r32(), count.r32());
    if (flags_live) restore_saved_flags();
    go_to(behind);
    a_.bind(left_to_cpp);
    if (flags_live) restore_saved_flags();
    leave_to(stubs_.emulate);
}

}  // namespace ring3
