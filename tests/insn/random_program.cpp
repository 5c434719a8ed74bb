// SPDX-License-Identifier: MIT
#include "tests/insn/random_program.hpp"

#include <algorithm>
#include <cstring>

namespace ring3::test {
namespace {

constexpr int rcx = 1, rsp = 4, rbp = 5, rsi = 6, rdi = 7;
/// ADD, OR, ADC, SBB, AND, SUB, XOR, CMP by number, as in the opcode map.
constexpr unsigned operations = 8;

}  // namespace

// Encoding
// -----------------------------------------------------------------------------------------

void ProgramMaker::number(std::uint64_t value, unsigned size) {
    for (unsigned i = 0; i < size; ++i) byte(value >> 8 * i);
}

/// Prefixes and opcode. Without REX the byte registers 4 to 7 are AH, CH, DH, BH.
void ProgramMaker::head(const Code& c, int reg, int index, int base) {
    if (c.size == 2) byte(0x66);
    if (c.prefix != 0) byte(c.prefix);
    const auto high = [](int r) { return r >= 8 ? 1u : 0u; };
    const unsigned rex = (c.size == 8 ? 8u : 0u) | high(reg) << 2 | high(index) << 1 | high(base);
    if (rex != 0 || random_.one_in(6)) byte(0x40 | rex);
    if (c.map != 0) byte(0x0f);
    if (c.map == 2) byte(0x38);
    byte(c.opcode);
}

void ProgramMaker::with_register(const Code& c, int reg, int rm) {
    head(c, reg, -1, rm);
    byte(0xc0u | static_cast<unsigned>(reg & 7) << 3 | static_cast<unsigned>(rm & 7));
}

void ProgramMaker::with_memory(const Code& c, int reg, const Memory& m) {
    if (m.segment != 0) byte(m.segment);
    head(c, reg, m.index, m.base);
    const unsigned reg_bits = static_cast<unsigned>(reg & 7) << 3;
    if (m.rip_relative) {
        byte(reg_bits | 5);
        number(static_cast<std::uint64_t>(m.displacement) - (here() + 4 + c.immediate_bytes), 4);
        return;
    }
    const unsigned index_bits = m.index < 0 ? 4u << 3 : static_cast<unsigned>(m.index & 7) << 3;
    if (m.base < 0) {
        byte(reg_bits | 4);
        byte(m.scale << 6 | index_bits | 5);
        number(static_cast<std::uint64_t>(m.displacement), 4);
        return;
    }
    const auto base_bits = static_cast<unsigned>(m.base & 7);
    const bool needs_sib = m.index >= 0 || base_bits == 4;
    unsigned mod = 2;
    if (m.displacement == 0 && base_bits != 5)
        mod = 0;
    else if (m.displacement >= -128 && m.displacement < 128 && !random_.one_in(8))
        mod = 1;
    byte(mod << 6 | reg_bits | (needs_sib ? 4u : base_bits));
    if (needs_sib) byte(m.scale << 6 | index_bits | base_bits);
    if (mod != 0) number(static_cast<std::uint64_t>(m.displacement), mod == 1 ? 1 : 4);
}

/// A jump whose target land() fills in; short or near.
std::size_t ProgramMaker::jump_forward(bool conditional) {
    if (conditional)
        bytes({0x0f, static_cast<std::uint8_t>(0x80 | random_.below(16))});
    else
        byte(0xe9);
    number(0, 4);
    return code_.size();
}

void ProgramMaker::land(std::size_t jump) {
    const auto distance = static_cast<std::uint32_t>(code_.size() - jump);
    std::memcpy(code_.data() + jump - 4, &distance, 4);
}

// Choice
// -------------------------------------------------------------------------------------------

bool ProgramMaker::is_kept(int r) const {
    return r == rsp || r == small_ ||
           std::find(pointers_.begin(), pointers_.end(), r) != pointers_.end() ||
           std::find(counters_.begin(), counters_.end(), r) != counters_.end();
}

int ProgramMaker::data_register() {
    // Those that the translator treats in a way of its own come up more often.
    static constexpr int special[] = {0, 1, 2, 8, 10, 11};
    while (true) {
        const int r = random_.one_in(2) ? special[random_.below(std::size(special))]
                                        : static_cast<int>(random_.below(16));
        if (!is_kept(r)) return r;
    }
}

int ProgramMaker::pointer_register() { return pointers_[random_.below(pointers_.size())]; }

unsigned ProgramMaker::size() {
    static constexpr unsigned sizes[] = {1, 2, 4, 4, 8, 8, 8};
    return sizes[random_.below(std::size(sizes))];
}

ProgramMaker::Memory ProgramMaker::memory_near(int base, std::int64_t around) {
    Memory m;
    m.base = base;
    m.displacement = around + static_cast<std::int64_t>(random_.below(12)) * 8;
    if (random_.one_in(3)) m.displacement += static_cast<std::int64_t>(random_.below(8));
    return m;
}

/// An address near one of the edges of the data pages, or just inside of one.
std::uint64_t ProgramMaker::edge() {
    const std::uint64_t page = BareGuest::data + random_.below(BareGuest::data_pages) * page_size;
    if (random_.one_in(3)) return page + 512 + random_.below(2048);
    return page + page_size * random_.below(2) - 96 + random_.below(160);
}

ProgramMaker::Memory ProgramMaker::any_memory() {
    Memory m;
    switch (random_.below(8)) {
        case 0:
            m.rip_relative = true;
            m.displacement = static_cast<std::int64_t>(edge());
            return m;
        case 1:
            m.displacement = static_cast<std::int64_t>(edge());
            return m;
        case 2:
            m.segment = random_.one_in(2) ? 0x64 : 0x65;
            m.displacement = static_cast<std::int64_t>(random_.below(64)) * 8;
            return m;
        case 3:
            m = memory_near(pointer_register(), -48);
            m.index = small_;
            m.scale = static_cast<unsigned>(random_.below(3));
            return m;
        case 4:
            return memory_near(rsp, -40);
        default:
            return memory_near(pointer_register(), -48);
    }
}

// Pieces
// -------------------------------------------------------------------------------------------

void ProgramMaker::arithmetic(const Memory* m) {
    Code c;
    c.size = size();
    const auto operation = static_cast<unsigned>(random_.below(operations));
    const bool to_register = random_.one_in(2);
    c.opcode = static_cast<std::uint8_t>(operation << 3 | (to_register ? 2u : 0u) |
                                         (c.size == 1 ? 0u : 1u));
    const int reg = data_register();
    if (m != nullptr)
        with_memory(c, reg, *m);
    else
        with_register(c, reg, data_register());
}

void ProgramMaker::immediate(const Memory* m) {
    Code c;
    c.size = size();
    const bool is_short = c.size == 1 || random_.one_in(2);
    c.opcode = c.size == 1 ? 0x80 : is_short ? 0x83 : 0x81;
    c.immediate_bytes = is_short ? 1 : std::min(4u, c.size);
    const auto operation = static_cast<int>(random_.below(operations));
    if (m != nullptr)
        with_memory(c, operation, *m);
    else
        with_register(c, operation, data_register());
    patchable_.push_back(here());
    number(random_.bits(), c.immediate_bytes);
}

void ProgramMaker::shift(const Memory* m) {
    Code c;
    c.size = size();
    static constexpr std::uint8_t opcodes[] = {0xc0, 0xd0, 0xd2};
    c.opcode = static_cast<std::uint8_t>(opcodes[random_.below(3)] | (c.size == 1 ? 0 : 1));
    c.immediate_bytes = c.opcode < 0xd0 ? 1 : 0;
    static constexpr int digits[] = {0, 1, 2, 3, 4, 5, 7};
    const int digit = digits[random_.below(std::size(digits))];
    if (m != nullptr)
        with_memory(c, digit, *m);
    else
        with_register(c, digit, data_register());
    if (c.immediate_bytes != 0) byte(random_.below(40));
}

void ProgramMaker::unary(const Memory* m) {
    Code c;
    c.size = size();
    const bool increments = random_.one_in(2);
    c.opcode = static_cast<std::uint8_t>((increments ? 0xfe : 0xf6) | (c.size == 1 ? 0 : 1));
    const int digit = static_cast<int>(increments ? random_.below(2) : 2 + random_.below(2));
    if (m != nullptr)
        with_memory(c, digit, *m);
    else
        with_register(c, digit, data_register());
}

void ProgramMaker::move(const Memory* m) {
    Code c;
    c.size = size();
    const unsigned low = c.size == 1 ? 0 : 1;
    if (random_.one_in(4)) {
        c.opcode = static_cast<std::uint8_t>(0xc6 | low);
        c.immediate_bytes = std::min(4u, c.size);
        if (m != nullptr)
            with_memory(c, 0, *m);
        else
            with_register(c, 0, data_register());
        patchable_.push_back(here());
        number(random_.bits(), c.immediate_bytes);
        return;
    }
    c.opcode = static_cast<std::uint8_t>((random_.one_in(2) ? 0x88 : 0x8a) | low);
    const int reg = data_register();
    if (m != nullptr)
        with_memory(c, reg, *m);
    else
        with_register(c, reg, data_register());
}

void ProgramMaker::widen(const Memory* m) {
    static constexpr std::uint8_t opcodes[] = {0xb6, 0xb7, 0xbe, 0xbf};
    Code c;
    c.map = 1;
    c.opcode = opcodes[random_.below(4)];
    c.size = random_.one_in(2) ? 8 : 4;
    const int reg = data_register();
    if (m != nullptr)
        with_memory(c, reg, *m);
    else
        with_register(c, reg, data_register());
}

/// BT and kin by immediate or register, BSF, BSR, SHLD, SHRD, BSWAP.
void ProgramMaker::bits(const Memory* m) {
    Code c;
    c.map = 1;
    c.size = random_.one_in(2) ? 8 : 4;
    const int reg = data_register();
    switch (random_.below(4)) {
        case 0:
            c.opcode = 0xba;
            c.immediate_bytes = 1;
            if (m != nullptr)
                with_memory(c, 4 + static_cast<int>(random_.below(4)), *m);
            else
                with_register(c, 4 + static_cast<int>(random_.below(4)), reg);
            byte(random_.below(64));
            return;
        case 1: {
            // A small offset when it addresses memory.
            static constexpr std::uint8_t opcodes[] = {0xa3, 0xab, 0xb3, 0xbb};
            c.opcode = opcodes[random_.below(4)];
            if (m != nullptr)
                with_memory(c, small_, *m);
            else
                with_register(c, reg, data_register());
            return;
        }
        case 2:
            c.opcode = random_.one_in(2) ? 0xa4 : 0xac;
            c.immediate_bytes = 1;
            if (m != nullptr)
                with_memory(c, reg, *m);
            else
                with_register(c, reg, data_register());
            byte(random_.below(32));
            return;
        default:
            head({0, 1, static_cast<std::uint8_t>(0xc8 | (reg & 7)), c.size}, -1, -1, reg);
            return;
    }
}

/// XCHG, XADD, CMPXCHG, perhaps locked.
void ProgramMaker::exchange(const Memory* m) {
    Code c;
    c.size = size();
    const unsigned low = c.size == 1 ? 0 : 1;
    const auto kind = random_.below(3);
    c.map = kind == 0 ? 0 : 1;
    c.opcode = static_cast<std::uint8_t>((kind == 0 ? 0x86u : kind == 1 ? 0xc0u : 0xb0u) | low);
    if (m != nullptr && random_.one_in(3)) byte(0xf0);
    const int reg = data_register();
    if (m != nullptr)
        with_memory(c, reg, *m);
    else
        with_register(c, reg, data_register());
}

void ProgramMaker::read_flags() {
    const auto condition = static_cast<std::uint8_t>(random_.below(16));
    const int reg = data_register();
    switch (random_.below(4)) {
        case 0:
            with_register({0, 1, static_cast<std::uint8_t>(0x90 | condition), 1}, 0, reg);
            return;
        case 1:
            with_register({0, 1, static_cast<std::uint8_t>(0x40 | condition), 8}, reg,
                          data_register());
            return;
        case 2:
            byte(0x9c);  // pushfq
            head({0, 0, static_cast<std::uint8_t>(0x58 | (reg & 7)), 4}, -1, -1, reg);
            return;
        default:
            if (data_register() == 0)
                byte(0x9f);  // lahf
            else
                byte(0xf5);  // cmc
            return;
    }
}

void ProgramMaker::multiply() {
    if (random_.one_in(2)) {
        with_register({0, 1, 0xaf, random_.one_in(2) ? 8u : 4u}, data_register(), data_register());
        return;
    }
    if (is_kept(0) || is_kept(2)) return;
    // Division seldom: most numbers fault.
    const int digit = random_.one_in(6) ? 6 : 4 + static_cast<int>(random_.below(2));
    with_register({0, 0, 0xf7, random_.one_in(2) ? 8u : 4u}, digit, data_register());
}

void ProgramMaker::address() {
    Memory m = any_memory();
    m.segment = 0;
    with_memory({0, 0, 0x8d, random_.one_in(3) ? 4u : 8u}, data_register(), m);
}

void ProgramMaker::sse(const Memory* m) {
    struct Kind {
        std::uint8_t prefix, opcode;
        bool aligned;
    };
    static constexpr Kind kinds[] = {
        {0, 0x10, false},    {0, 0x11, false},    {0xf3, 0x6f, false}, {0xf3, 0x7f, false},
        {0xf2, 0x10, false}, {0xf2, 0x11, false}, {0xf3, 0x10, false}, {0xf3, 0x11, false},
        {0xf2, 0x58, false}, {0xf2, 0x59, false}, {0xf3, 0x5c, false}, {0xf2, 0x5e, false},
        {0x66, 0xd6, false}, {0x66, 0x6f, true},  {0x66, 0x7f, true},  {0x66, 0xfe, true},
        {0x66, 0xef, true},  {0, 0x58, true},     {0x66, 0x2e, false}, {0xf2, 0x2a, false},
        {0x66, 0x60, true},  {0x66, 0xd4, true}};
    const Kind& kind = kinds[random_.below(std::size(kinds))];
    Code c;
    c.prefix = kind.prefix;
    c.map = 1;
    c.opcode = kind.opcode;
    const auto reg = static_cast<int>(random_.below(16));
    // An operand that is not aligned is #GP: seldom wanted.
    if (m != nullptr && (!kind.aligned || random_.one_in(8)))
        with_memory(c, reg, *m);
    else
        with_register(c, reg, static_cast<int>(random_.below(16)));
}

/// VEX.256 moves and arithmetic, and BMI, in the larger model.
void ProgramMaker::avx(const Memory* m) {
    if (level_ != IsaLevel::x86_64_v3) {
        sse(m);
        return;
    }
    struct Kind {
        unsigned pp, map;
        std::uint8_t opcode;
    };
    static constexpr Kind kinds[] = {{2, 1, 0x6f}, {2, 1, 0x7f}, {1, 1, 0xfe}, {1, 1, 0xef},
                                     {0, 1, 0x58}, {1, 1, 0xd4}, {1, 1, 0xeb}};
    const Kind& kind = kinds[random_.below(std::size(kinds))];
    const auto reg = static_cast<unsigned>(random_.below(16));
    const bool is_move = kind.opcode == 0x6f || kind.opcode == 0x7f;
    const auto vvvv = is_move ? 0u : static_cast<unsigned>(random_.below(16));
    const unsigned wide = random_.one_in(2) ? 4u : 0u;
    const bool in_memory = m != nullptr && m->base >= 0 && m->index < 0 && m->segment == 0;
    const auto rm =
        in_memory ? static_cast<unsigned>(m->base) : static_cast<unsigned>(random_.below(16));
    byte(0xc4);
    byte((reg < 8 ? 0x80u : 0u) | 0x40u | (rm < 8 ? 0x20u : 0u) | kind.map);
    byte((vvvv ^ 15u) << 3 | wide | kind.pp);
    byte(kind.opcode);
    if (!in_memory) {
        byte(0xc0u | (reg & 7) << 3 | (rm & 7));
        return;
    }
    byte(0x80u | (reg & 7) << 3 | (rm & 7));
    if ((rm & 7) == 4) byte(0x24);
    number(static_cast<std::uint64_t>(m->displacement), 4);
}

void ProgramMaker::operation(const Memory* m) {
    switch (random_.below(14)) {
        case 0:
        case 1:
        case 2:
            return arithmetic(m);
        case 3:
            return immediate(m);
        case 4:
            return shift(m);
        case 5:
            return unary(m);
        case 6:
        case 7:
            return move(m);
        case 8:
            return widen(m);
        case 9:
            return bits(m);
        case 10:
            return exchange(m);
        case 11:
            return sse(m);
        case 12:
            return avx(m);
        default:
            return m == nullptr ? read_flags() : move(m);
    }
}

/// Memory operands near each other, and what may stand between them.
void ProgramMaker::group() {
    const Memory first = any_memory();
    for (auto n = 2 + random_.below(6); n > 0; --n) {
        Memory m = first;
        m.displacement += static_cast<std::int64_t>(random_.below(8)) * 8 - 24;
        operation(&m);
        if (random_.one_in(3)) operation(nullptr);
        if (random_.one_in(12)) forward_branch();
    }
}

void ProgramMaker::stack_run() {
    const auto count = 1 + random_.below(6);
    for (auto n = count; n > 0; --n) {
        const auto r = static_cast<int>(random_.below(16));
        if (random_.one_in(8)) {
            byte(0x68);
            number(random_.bits(), 4);
        } else if (random_.one_in(8)) {
            with_memory({0, 0, 0xff, 4}, 6, any_memory());
        } else {
            head({0, 0, static_cast<std::uint8_t>(0x50 | (r & 7)), 4}, -1, -1, r);
        }
    }
    pieces(random_.below(3));
    for (auto n = count; n > 0; --n) {
        const int r = data_register();
        if (random_.one_in(8)) {
            with_memory({0, 0, 0x8f, 4}, 0, any_memory());
        } else {
            head({0, 0, static_cast<std::uint8_t>(0x58 | (r & 7)), 4}, -1, -1, r);
        }
    }
}

/// A stack frame: SUB or LEA, stores and loads, ADD or LEA; or ENTER's older brothers.
void ProgramMaker::frame() {
    const auto room = static_cast<std::int64_t>(8 * random_.below(20));
    const auto change = [&](std::int64_t by) {
        if (random_.one_in(3)) {
            Memory m;
            m.base = rsp;
            m.displacement = by;
            with_memory({0, 0, 0x8d, 8}, rsp, m);
            return;
        }
        const bool subtracts = random_.one_in(2);
        with_register({0, 0, 0x81, 8}, subtracts ? 5 : 0, rsp);
        number(static_cast<std::uint64_t>(subtracts ? -by : by), 4);
    };
    const bool has_rbp = data_register() == rbp;
    if (has_rbp) {
        byte(0x55);
        with_register({0, 0, 0x8b, 8}, rbp, rsp);
        pointers_.push_back(rbp);
    }
    change(-room);
    for (auto n = random_.below(5); n > 0; --n) {
        const Memory m = memory_near(has_rbp && random_.one_in(2) ? rbp : rsp, 0);
        operation(&m);
    }
    if (depth_ < 3) pieces(random_.below(2));
    if (has_rbp) {
        pointers_.pop_back();
        byte(0xc9);  // leave
        return;
    }
    change(room);
}

void ProgramMaker::forward_branch() {
    const std::size_t jump = jump_forward(!random_.one_in(4));
    pieces(random_.below(3));
    land(jump);
}

void ProgramMaker::loop() {
    const int counter = data_register();
    counters_.push_back(counter);
    with_register({0, 0, 0xc7, 4}, 0, counter);
    number(2 + random_.below(6), 4);
    const std::size_t start = code_.size();
    pieces(1 + random_.below(4));
    const bool by_loop = counter == rcx && random_.one_in(2);
    if (!by_loop) with_register({0, 0, 0xff, 4}, 1, counter);
    const auto distance = [&](unsigned length) {
        return static_cast<std::uint64_t>(start) - (code_.size() + length);
    };
    if (by_loop && code_.size() - start < 100) {
        byte(0xe2);
        byte(distance(1));
    } else if (by_loop) {
        with_register({0, 0, 0xff, 4}, 1, counter);
        bytes({0x0f, 0x85});
        number(distance(4), 4);
    } else {
        bytes({0x0f, 0x85});
        number(distance(4), 4);
    }
    counters_.pop_back();
}

void ProgramMaker::call() {
    byte(0xe8);
    number(0, 4);
    calls_.push_back(code_.size());
}

void ProgramMaker::repeat() {
    for (const int r : {rcx, rsi, rdi}) {
        if (is_kept(r)) return;
    }
    for (const int r : {rsi, rdi}) {
        head({0, 0, static_cast<std::uint8_t>(0xb8 | r), 4}, -1, -1, r);
        number(edge(), 4);
    }
    with_register({0, 0, 0xc7, 4}, 0, rcx);
    number(random_.below(24), 4);
    static constexpr std::uint8_t opcodes[] = {0xa4, 0xa4, 0xaa, 0xaa, 0xa6, 0xae, 0xac};
    const bool down = random_.one_in(6);
    if (down) byte(0xfd);
    const auto opcode = opcodes[random_.below(std::size(opcodes))];
    if (!random_.one_in(6)) byte(random_.one_in(3) ? 0xf2 : 0xf3);
    const unsigned operand = size();
    head({0, 0, static_cast<std::uint8_t>(opcode | (operand == 1 ? 0 : 1)), operand}, -1, -1, -1);
    if (down) byte(0xfc);
}

/// Stores into an immediate, behind or further on.
void ProgramMaker::change_code() {
    Memory m;
    m.rip_relative = true;
    Code c;
    c.size = 1;
    c.opcode = 0x88;
    if (!patchable_.empty() && random_.one_in(2)) {
        m.displacement = static_cast<std::int64_t>(patchable_[random_.below(patchable_.size())]);
        with_memory(c, data_register(), m);
        return;
    }
    m.displacement = static_cast<std::int64_t>(here());
    with_memory(c, data_register(), m);
    patches_ahead_.push_back(code_.size());
}

/// A pointer moves on within, or over, its pages; the index becomes another one.
void ProgramMaker::move_pointer() {
    if (random_.one_in(4)) {
        with_register({0, 0, 0x83, 4}, 4, small_);
        byte(random_.below(64));
        return;
    }
    const int r = pointer_register();
    if (random_.one_in(2)) {
        head({0, 0, static_cast<std::uint8_t>(0xb8 | (r & 7)), 4}, -1, -1, r);
        number(edge(), 4);
        return;
    }
    with_register({0, 0, 0x83, 8}, 0, r);
    byte(random_.bits());
}

void ProgramMaker::piece() {
    if (depth_ > 4) return operation(nullptr);
    ++depth_;
    switch (random_.below(20)) {
        case 0:
        case 1:
        case 2:
        case 3:
            group();
            break;
        case 4:
        case 5:
            stack_run();
            break;
        case 6:
        case 7:
            frame();
            break;
        case 8:
        case 9:
            forward_branch();
            break;
        case 10:
            if (depth_ < 3) loop();
            break;
        case 11:
            if (depth_ < 4) call();
            break;
        case 12:
            repeat();
            break;
        case 13:
            if (random_.one_in(3)) change_code();
            break;
        case 14:
            if (depth_ == 1) move_pointer();
            break;
        case 15:
            read_flags();
            break;
        case 16:
            multiply();
            break;
        case 17:
            address();
            break;
        default: {
            const Memory m = any_memory();
            operation(random_.one_in(3) ? nullptr : &m);
        }
    }
    --depth_;
}

void ProgramMaker::pieces(std::uint64_t count) {
    for (; count > 0; --count) piece();
}

void ProgramMaker::make(RandomProgram& program) {
    program_ = &program;
    CpuState& state = program.state = CpuState{};
    reset_fpu(state);
    for (auto& b : program.memory) b = random_.byte();
    for (std::size_t i = 160; i < 416; ++i) state.xsave[i] = std::byte{random_.byte()};
    for (std::size_t i = 576; i < 832; ++i) {
        state.xsave[i] = level_ == IsaLevel::x86_64_v3 ? std::byte{random_.byte()} : std::byte{0};
    }
    for (auto& r : state.gpr) r = random_.bits() >> random_.below(64);
    state.rflags |= random_.bits() & rflags::arithmetic;
    // Long enough programs cross from one page of code into the next.
    state.rip = BareGuest::base + (random_.one_in(2) ? 0 : page_size - 1 - random_.below(600));
    state.reg(Gpr::rsp) = random_.one_in(3) ? edge() & ~7ull : BareGuest::end - 2048;
    if (random_.one_in(2)) state.fs_base = edge();
    if (random_.one_in(4)) state.gs_base = edge();

    code_.clear();
    pointers_.clear();
    counters_.clear();
    patchable_.clear();
    patches_ahead_.clear();
    calls_.clear();
    static constexpr int choice[] = {8, 10, 11, 1, 3, 5, 6, 12, 13, 15};
    for (int n = 0; n < 3; ++n) {
        const int r = choice[random_.below(std::size(choice))];
        pointers_.push_back(r);
        state.gpr[static_cast<std::size_t>(r)] = edge();
    }
    do {
        small_ = random_.one_in(3) ? 9 : static_cast<int>(random_.below(16));
    } while (small_ == rsp ||
             std::find(pointers_.begin(), pointers_.end(), small_) != pointers_.end());
    state.gpr[static_cast<std::size_t>(small_)] = random_.below(64);
    for (auto& right : program.rights) right = PageRight::write;
    if (random_.one_in(3)) {
        program.rights[BareGuest::code_pages + random_.below(BareGuest::data_pages)] =
            random_.one_in(2) ? PageRight::read : PageRight::none;
    }

    while (code_.size() < 700) piece();
    for (const std::size_t at : patches_ahead_) {
        std::vector<std::uint64_t> ahead;
        for (const auto target : patchable_) {
            if (target >= state.rip + at) ahead.push_back(target);
        }
        if (ahead.empty()) continue;
        const auto pick = std::min<std::uint64_t>(random_.below(ahead.size()), random_.below(8));
        const auto distance = static_cast<std::uint32_t>(ahead[pick] - (state.rip + at));
        std::memcpy(code_.data() + at - 4, &distance, 4);
    }
    bytes({0x0f, 0x0b});
    // The functions that were called: three, and they call none.
    std::vector<std::size_t> functions;
    std::vector<std::size_t> calls = std::move(calls_);
    for (int n = 0; n < 3; ++n) {
        functions.push_back(code_.size());
        depth_ = 4;
        pieces(3 + random_.below(5));
        depth_ = 0;
        byte(0xc3);
    }
    for (const std::size_t at : calls) {
        const auto distance = static_cast<std::uint32_t>(functions[random_.below(3)] - at);
        std::memcpy(code_.data() + at - 4, &distance, 4);
    }
    const std::size_t room = BareGuest::data - state.rip;
    std::memcpy(program.memory.data() + (state.rip - BareGuest::base), code_.data(),
                std::min(code_.size(), room));
}

}  // namespace ring3::test
