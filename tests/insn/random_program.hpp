// SPDX-License-Identifier: MIT
// Programs of random instructions, such as find what a translator does wrong between instructions:
// runs of memory operands near each other, flags that live across branches, stacks, loops, calls,
// operands at the edges of pages, code that changes itself.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <vector>

#include "hv/cpu/state.hpp"
#include "tests/insn/bare_guest.hpp"
#include "tests/insn/sample.hpp"

namespace ring3::test {

/// What the guest may do with a page of data.
enum class PageRight : std::uint8_t { write, read, none };

struct RandomProgram {
    CpuState state;  ///< RIP at the first instruction; the program ends with UD2
    std::array<std::uint8_t, BareGuest::pages * page_size> memory;
    std::array<PageRight, BareGuest::pages> rights;
};

class ProgramMaker {
public:
    ProgramMaker(IsaLevel level, std::uint64_t seed) : level_(level), random_(seed) {}

    void make(RandomProgram& program);

private:
    /// A memory operand; base < 0 without index: absolute, or RIP-relative.
    struct Memory {
        int base = -1, index = -1;
        unsigned scale = 0;
        std::int64_t displacement = 0;
        bool rip_relative = false;
        std::uint8_t segment = 0;
    };
    /// What an opcode needs beside its operands.
    struct Code {
        std::uint8_t prefix = 0;  ///< 66H, F2H, F3H
        unsigned map = 0;         ///< 0, 1: 0FH, 2: 0F38H
        std::uint8_t opcode = 0;
        unsigned size = 4;  ///< of the operands: 1, 2, 4, 8
        unsigned immediate_bytes = 0;
    };

    // Encoding.
    std::uint64_t here() const { return program_->state.rip + code_.size(); }
    void byte(std::uint64_t value) { code_.push_back(static_cast<std::uint8_t>(value)); }
    void bytes(std::initializer_list<std::uint8_t> all) { code_.insert(code_.end(), all); }
    void number(std::uint64_t value, unsigned size);
    void head(const Code& c, int reg, int index, int base);
    void with_register(const Code& c, int reg, int rm);
    void with_memory(const Code& c, int reg, const Memory& m);
    std::size_t jump_forward(bool conditional);
    void land(std::size_t jump);

    // Choice.
    /// No piece writes it: the stack pointer, a pointer, the index, a loop's counter.
    bool is_kept(int r) const;
    int data_register();
    int pointer_register();
    unsigned size();
    Memory memory_near(int base, std::int64_t around);
    Memory any_memory();
    std::uint64_t edge();

    // Pieces of program.
    void piece();
    void pieces(std::uint64_t count);
    void arithmetic(const Memory* m);
    void immediate(const Memory* m);
    void shift(const Memory* m);
    void unary(const Memory* m);
    void move(const Memory* m);
    void widen(const Memory* m);
    void bits(const Memory* m);
    void exchange(const Memory* m);
    void read_flags();
    void multiply();
    void address();
    void sse(const Memory* m);
    void avx(const Memory* m);
    void operation(const Memory* m);
    void group();
    void stack_run();
    void frame();
    void forward_branch();
    void loop();
    void call();
    void repeat();
    void change_code();
    void move_pointer();

    IsaLevel level_;
    Random random_;
    RandomProgram* program_ = nullptr;
    std::vector<std::uint8_t> code_;
    std::vector<int> pointers_;  ///< registers that hold addresses
    std::vector<int> counters_;  ///< of the loops around
    int small_ = 0;              ///< an index register: less than 64
    unsigned depth_ = 0;
    /// Bytes of code that may be changed: of immediates.
    std::vector<std::uint64_t> patchable_;
    /// Stores whose target stands further on: where their displacement is.
    std::vector<std::size_t> patches_ahead_;
    std::vector<std::size_t> calls_;  ///< where the displacement is
};

}  // namespace ring3::test
