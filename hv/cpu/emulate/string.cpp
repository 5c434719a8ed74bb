// SPDX-License-Identifier: MIT
// MOVS, STOS, LODS, CMPS, SCAS, INS, OUTS. Each iteration of a repeated one retires one
// instruction, so that a budget can end between any two; RIP stays at the instruction until the
// last.
#include <Zydis/Mnemonic.h>

#include <algorithm>
#include <array>

#include "hv/cpu/emulate/emulate.hpp"

namespace ring3 {
namespace {

enum class Op { movs, stos, lods, cmps, scas, ins, outs };

struct StringInsn {
    Op op;
    unsigned size;
};

std::optional<StringInsn> classify(const Insn& insn) {
    switch (insn.mnemonic) {
        case ZYDIS_MNEMONIC_MOVSB:
            return {{Op::movs, 1}};
        case ZYDIS_MNEMONIC_MOVSW:
            return {{Op::movs, 2}};
        case ZYDIS_MNEMONIC_MOVSD:
            return {{Op::movs, 4}};
        case ZYDIS_MNEMONIC_MOVSQ:
            return {{Op::movs, 8}};
        case ZYDIS_MNEMONIC_STOSB:
            return {{Op::stos, 1}};
        case ZYDIS_MNEMONIC_STOSW:
            return {{Op::stos, 2}};
        case ZYDIS_MNEMONIC_STOSD:
            return {{Op::stos, 4}};
        case ZYDIS_MNEMONIC_STOSQ:
            return {{Op::stos, 8}};
        case ZYDIS_MNEMONIC_LODSB:
            return {{Op::lods, 1}};
        case ZYDIS_MNEMONIC_LODSW:
            return {{Op::lods, 2}};
        case ZYDIS_MNEMONIC_LODSD:
            return {{Op::lods, 4}};
        case ZYDIS_MNEMONIC_LODSQ:
            return {{Op::lods, 8}};
        case ZYDIS_MNEMONIC_CMPSB:
            return {{Op::cmps, 1}};
        case ZYDIS_MNEMONIC_CMPSW:
            return {{Op::cmps, 2}};
        case ZYDIS_MNEMONIC_CMPSD:
            return {{Op::cmps, 4}};
        case ZYDIS_MNEMONIC_CMPSQ:
            return {{Op::cmps, 8}};
        case ZYDIS_MNEMONIC_SCASB:
            return {{Op::scas, 1}};
        case ZYDIS_MNEMONIC_SCASW:
            return {{Op::scas, 2}};
        case ZYDIS_MNEMONIC_SCASD:
            return {{Op::scas, 4}};
        case ZYDIS_MNEMONIC_SCASQ:
            return {{Op::scas, 8}};
        case ZYDIS_MNEMONIC_INSB:
            return {{Op::ins, 1}};
        case ZYDIS_MNEMONIC_INSW:
            return {{Op::ins, 2}};
        case ZYDIS_MNEMONIC_INSD:
            return {{Op::ins, 4}};
        case ZYDIS_MNEMONIC_OUTSB:
            return {{Op::outs, 1}};
        case ZYDIS_MNEMONIC_OUTSW:
            return {{Op::outs, 2}};
        case ZYDIS_MNEMONIC_OUTSD:
            return {{Op::outs, 4}};
        default:
            return {};
    }
}

/// Address-size and segment prefixes, which string instructions take without a ModRM byte.
struct Prefixes {
    bool address32 = false;
    std::uint64_t source_base = 0;
};

Prefixes prefixes_of(const Insn& insn, const CpuState& state) {
    Prefixes p;
    for (std::size_t i = 0; i < insn.opcode_offset; ++i) {
        if (insn.bytes[i] == 0x67) p.address32 = true;
        if (insn.bytes[i] == 0x64) p.source_base = state.fs_base;
        if (insn.bytes[i] == 0x65) p.source_base = state.gs_base;
    }
    return p;
}

std::uint64_t arithmetic_of(std::uint64_t left, std::uint64_t right, unsigned size) {
    // The host compares: no second description of what CMP does to the flags. AH = SF ZF - AF - PF
    // - CF (LAHF), AL = OF.
    std::uint32_t ax = 0;
    switch (size) {
        case 1:
            asm("cmpb %b2, %b1\n\tlahf\n\tseto %%al" : "=&a"(ax) : "q"(left), "q"(right) : "cc");
            break;
        case 2:
            asm("cmpw %w2, %w1\n\tlahf\n\tseto %%al" : "=&a"(ax) : "r"(left), "r"(right) : "cc");
            break;
        case 4:
            asm("cmpl %k2, %k1\n\tlahf\n\tseto %%al" : "=&a"(ax) : "r"(left), "r"(right) : "cc");
            break;
        default:
            asm("cmpq %2, %1\n\tlahf\n\tseto %%al" : "=&a"(ax) : "r"(left), "r"(right) : "cc");
    }
    const std::uint64_t flags = (ax >> 8 & 0xff) | ((ax & 1) != 0 ? rflags::of : 0);
    return flags & rflags::arithmetic;
}

class StringRun {
public:
    StringRun(const StringInsn& what, const Insn& insn, EmulationContext& c)
        : what_(what),
          insn_(insn),
          c_(c),
          prefixes_(prefixes_of(insn, c.state)),
          step_((c.state.rflags & rflags::df) != 0 ? 0 - std::uint64_t{what.size} : what.size) {}

    Emulated run() {
        if (!insn_.rep && !insn_.repne) {
            if (!once()) return failed_;
            return retire(insn_, c_);
        }
        if (count() == 0) return retire(insn_, c_);
        std::uint64_t done = 0;
        while (done < c_.budget) {
            const std::uint64_t fast = bulk(std::min(c_.budget - done, count()));
            if (fast == 0) {
                if (!once()) {
                    // Iterations before the faulting one stand.
                    return {done, failed_.exit};
                }
                set_count(count() - 1);
            }
            done += fast == 0 ? 1 : fast;
            if (count() == 0 || (fast == 0 && condition_ends())) {
                c_.state.rip += insn_.length;
                break;
            }
        }
        return {done, {}};
    }

private:
    std::uint64_t masked(std::uint64_t value) const {
        return prefixes_.address32 ? value & 0xffff'ffff : value;
    }
    std::uint64_t count() const { return masked(c_.state.reg(Gpr::rcx)); }
    void set(Gpr r, std::uint64_t value) {
        c_.state.reg(r) = masked(value);  // a 32-bit write clears the upper half
    }
    void set_count(std::uint64_t value) { set(Gpr::rcx, value); }
    Vaddr source() const { return {masked(c_.state.reg(Gpr::rsi)) + prefixes_.source_base}; }
    Vaddr destination() const { return {masked(c_.state.reg(Gpr::rdi))}; }
    void advance_source(std::uint64_t by) { set(Gpr::rsi, c_.state.reg(Gpr::rsi) + by); }
    void advance_destination(std::uint64_t by) { set(Gpr::rdi, c_.state.reg(Gpr::rdi) + by); }

    bool condition_ends() const {
        if (what_.op != Op::cmps && what_.op != Op::scas) return false;
        const bool equal = (c_.state.rflags & rflags::zf) != 0;
        return insn_.repne ? equal : !equal;
    }

    bool load(Vaddr from, std::uint64_t& value) {
        value = 0;
        if (c_.memory.read(from, std::as_writable_bytes(std::span{&value, 1}).first(what_.size))) {
            return true;
        }
        failed_ = memory_fault(c_);
        return false;
    }
    bool store(Vaddr to, std::uint64_t value) {
        if (c_.memory.write(to, std::as_bytes(std::span{&value, 1}).first(what_.size))) return true;
        failed_ = memory_fault(c_);
        return false;
    }
    void compare(std::uint64_t left, std::uint64_t right) {
        c_.state.rflags =
            (c_.state.rflags & ~rflags::arithmetic) | arithmetic_of(left, right, what_.size);
    }

    bool once() {
        std::uint64_t value = 0, other = 0;
        switch (what_.op) {
            case Op::movs:
                if (!load(source(), value) || !store(destination(), value)) return false;
                advance_source(step_);
                advance_destination(step_);
                return true;
            case Op::stos:
                if (!store(destination(), c_.state.reg(Gpr::rax))) return false;
                advance_destination(step_);
                return true;
            case Op::lods:
                if (!load(source(), value)) return false;
                write_register(c_.state, 0, what_.size, value);
                advance_source(step_);
                return true;
            case Op::cmps:
                if (!load(source(), value) || !load(destination(), other)) return false;
                compare(value, other);
                advance_source(step_);
                advance_destination(step_);
                return true;
            case Op::scas:
                if (!load(destination(), other)) return false;
                compare(c_.state.reg(Gpr::rax), other);
                advance_destination(step_);
                return true;
            case Op::ins: {
                // Check the store before the port is read: reading may have an effect.
                if (!load(destination(), value) || !store(destination(), value)) return false;
                const auto in = c_.environment.read_port(
                    c_.state, static_cast<std::uint16_t>(c_.state.reg(Gpr::rdx)), what_.size);
                if (!in) return refused();
                if (!store(destination(), *in)) return false;
                advance_destination(step_);
                return true;
            }
            case Op::outs:
                if (!load(source(), value)) return false;
                if (!c_.environment.write_port(c_.state,
                                               static_cast<std::uint16_t>(c_.state.reg(Gpr::rdx)),
                                               what_.size, static_cast<std::uint32_t>(value))) {
                    return refused();
                }
                advance_source(step_);
                return true;
        }
        return false;
    }

    bool refused() {
        failed_ = general_protection();
        return false;
    }

    /// Whole elements that fit in the page from `address` on.
    std::uint64_t elements_in_page(Vaddr address) const {
        return (page_size - page_offset(address)) / what_.size;
    }

    /// Up to `most` iterations of MOVS or STOS inside one page each way; 0: go one by one.
    std::uint64_t bulk(std::uint64_t most) {
        if (step_ != what_.size || prefixes_.address32) return 0;
        if (what_.op != Op::movs && what_.op != Op::stos) return 0;
        std::uint64_t n = std::min(most, elements_in_page(destination()));
        if (what_.op == Op::movs) n = std::min(n, elements_in_page(source()));
        if (n < 2) return 0;
        std::byte* const from =
            what_.op == Op::movs ? c_.memory.direct(source(), Access::read) : nullptr;
        if (what_.op == Op::movs && from == nullptr) return 0;
        std::byte* const to = c_.memory.direct(destination(), Access::write);
        if (to == nullptr) return 0;
        const std::size_t bytes = n * what_.size;
        if (what_.op == Op::movs) {
            // A destination shortly behind the source repeats a pattern: byte order matters.
            if (to > from && to < from + bytes) return 0;
            std::memmove(to, from, bytes);
            advance_source(bytes);
        } else {
            const std::uint64_t value = c_.state.reg(Gpr::rax);
            if (what_.size == 1) {
                std::memset(to, static_cast<int>(value & 0xff), bytes);
            } else {
                for (std::size_t i = 0; i < n; ++i)
                    std::memcpy(to + i * what_.size, &value, what_.size);
            }
        }
        advance_destination(bytes);
        set_count(count() - n);
        return n;
    }

    StringInsn what_;
    const Insn& insn_;
    EmulationContext& c_;
    Prefixes prefixes_;
    std::uint64_t step_;
    Emulated failed_;
};

}  // namespace

std::optional<Emulated> emulate_string(const Insn& insn, EmulationContext& c) {
    const auto what = classify(insn);
    if (!what) return {};
    return StringRun(*what, insn, c).run();
}

}  // namespace ring3
