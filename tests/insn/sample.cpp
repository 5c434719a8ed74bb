// SPDX-License-Identifier: MIT
#include "tests/insn/sample.hpp"

#include <algorithm>
#include <cstring>

#include "hv/cpu/emulate/emulate.hpp"
#include "tests/insn/native_cpu.hpp"

namespace ring3::test {
namespace {

constexpr std::uint64_t data_bytes = BareGuest::data_pages * page_size;
constexpr std::uint64_t middle = BareGuest::data + data_bytes / 2;

bool is_string(const Insn& insn) {
    return insn.mnemonic == ZYDIS_MNEMONIC_MOVSB || insn.mnemonic == ZYDIS_MNEMONIC_MOVSW ||
           (insn.mnemonic == ZYDIS_MNEMONIC_MOVSD && !insn.fpu) ||
           insn.mnemonic == ZYDIS_MNEMONIC_MOVSQ ||
           (insn.mnemonic >= ZYDIS_MNEMONIC_STOSB && insn.mnemonic <= ZYDIS_MNEMONIC_STOSW) ||
           (insn.mnemonic >= ZYDIS_MNEMONIC_LODSB && insn.mnemonic <= ZYDIS_MNEMONIC_LODSW) ||
           (insn.mnemonic >= ZYDIS_MNEMONIC_SCASB && insn.mnemonic <= ZYDIS_MNEMONIC_SCASW) ||
           insn.mnemonic == ZYDIS_MNEMONIC_CMPSB || insn.mnemonic == ZYDIS_MNEMONIC_CMPSW ||
           (insn.mnemonic == ZYDIS_MNEMONIC_CMPSD && !insn.fpu) ||
           insn.mnemonic == ZYDIS_MNEMONIC_CMPSQ;
}

bool is_gather(const Insn& insn) {
    return (insn.mnemonic >= ZYDIS_MNEMONIC_VGATHERDPD &&
            insn.mnemonic <= ZYDIS_MNEMONIC_VGATHERQPS) ||
           (insn.mnemonic >= ZYDIS_MNEMONIC_VPGATHERDD &&
            insn.mnemonic <= ZYDIS_MNEMONIC_VPGATHERQQ);
}

bool uses_stack(const Insn& insn) {
    switch (insn.form) {
        case Form::push:
        case Form::pop:
        case Form::leave:
        case Form::call:
        case Form::call_indirect:
        case Form::ret:
            return true;
        default:
            return insn.mnemonic == ZYDIS_MNEMONIC_PUSHF ||
                   insn.mnemonic == ZYDIS_MNEMONIC_PUSHFQ || insn.mnemonic == ZYDIS_MNEMONIC_POPF ||
                   insn.mnemonic == ZYDIS_MNEMONIC_POPFQ || insn.mnemonic == ZYDIS_MNEMONIC_ENTER;
    }
}

}  // namespace

/// The parts of an instruction before they are put in a row.
struct SampleMaker::Encoding {
    std::uint8_t segment = 0;
    bool address32 = false;
    unsigned rex = 0;  // R, X and B of REX or VEX
    bool empty_rex = false;
    std::vector<std::uint8_t> operand;  // ModRM, SIB, displacement
};

SampleMaker::SampleMaker(IsaLevel level, std::uint64_t seed) : level_(level), random_(seed) {}

void SampleMaker::put_memory_operand(const InsnForm& form, Encoding& e) {
    const int reg = form.reg >= 0 ? form.reg : pick_register();
    if (form.reg < 0 && reg >= 8) e.rex |= 4;
    const auto modrm = [&](unsigned mode, unsigned rm) {
        e.operand.push_back(
            static_cast<std::uint8_t>(mode << 6 | (static_cast<unsigned>(reg) & 7) << 3 | rm));
    };
    const auto sib = [&](unsigned index, unsigned base) {
        e.operand.push_back(
            static_cast<std::uint8_t>(random_.below(4) << 6 | (index & 7) << 3 | (base & 7)));
    };
    const auto displacement = [&](unsigned bytes) {
        for (unsigned i = 0; i < bytes; ++i) e.operand.push_back(random_.byte());
    };
    const auto base = static_cast<unsigned>(pick_register());
    const auto index = static_cast<unsigned>(pick_register());
    const auto pick = random_.below(16);
    if (pick == 0) {  // RIP-relative
        modrm(0, 5);
        displacement(4);
    } else if (pick == 1) {  // an absolute address
        modrm(0, 4);
        sib(4, 5);
        displacement(4);
    } else if (pick <= 3) {  // an index without a base
        modrm(0, 4);
        if (index >= 8) e.rex |= 2;
        sib(index, 5);
        displacement(4);
    } else {
        if (base >= 8) e.rex |= 1;
        auto mode = static_cast<unsigned>(random_.below(3));
        if (mode == 0 && (base & 7) == 5) mode = 1;
        if (pick <= 8 || (base & 7) == 4) {
            const bool with_index = pick <= 8;
            if (with_index && index >= 8) e.rex |= 2;
            modrm(mode, 4);
            sib(with_index ? index : 4, base);
        } else {
            modrm(mode, base & 7);
        }
        displacement(mode == 1 ? 1 : mode == 2 ? 4 : 0);
    }
    if (random_.one_in(12)) e.segment = random_.one_in(2) ? 0x64 : 0x65;
    if (random_.one_in(16)) e.segment = 0x3e;  // DS has no base
    e.address32 = random_.one_in(12);
}

void SampleMaker::encode(const InsnForm& form, Encoding& e) {
    if (!form.modrm) {
        if (random_.one_in(2)) e.rex |= 1;
    } else if (form.memory) {
        put_memory_operand(form, e);
    } else {
        const int reg = form.reg >= 0 ? form.reg : pick_register();
        const int rm = form.rm >= 0 ? form.rm : pick_register();
        if (reg >= 8) e.rex |= 4;
        if (rm >= 8) e.rex |= 1;
        e.operand.push_back(static_cast<std::uint8_t>(0xc0 | (reg & 7) << 3 | (rm & 7)));
    }
    e.empty_rex = random_.one_in(2);
}

std::uint64_t SampleMaker::pick_target(Place place, std::size_t size) {
    if (place == Place::anywhere) {
        switch (random_.below(32)) {
            case 0:
                return pick_target(Place::across_the_end, size);
            case 1:
                return pick_target(Place::unmapped, size);
            case 2:
                return pick_target(Place::not_canonical, size);
            case 3:
            case 4:
            case 5:
                return pick_target(Place::across_pages, size);
            case 6:  // the page that the code is in, away from it
                return BareGuest::base + page_size + 3072 + random_.below(16) * 16;
            default:
                return pick_target(Place::inside, size);
        }
    }
    const std::uint64_t across = size < 2 ? 0 : 1 + random_.below(size - 1);
    switch (place) {
        case Place::across_pages:
            return BareGuest::data + page_size * (1 + random_.below(3)) - across;
        case Place::across_the_end:
            return BareGuest::end - across;
        case Place::unmapped:
            return BareGuest::end + 64 * random_.below(64) + random_.below(2) * random_.below(64);
        case Place::not_canonical:
            return 0x8000'0000'0000ull + random_.below(0x1000);
        default:
            break;
    }
    const std::uint64_t room = data_bytes - 1024;
    std::uint64_t offset = 512 + random_.below(room);
    if (!random_.one_in(4)) offset &= ~63ull;
    return BareGuest::data + offset;
}

/// Makes the memory operand point where it is wanted, by its registers or its displacement.
bool SampleMaker::aim(Sample& sample, Place place) {
    const Insn& insn = sample.insn;
    const auto& m = insn.memory;
    CpuState& state = sample.state;
    if (m.fs) state.fs_base = (random_.bits() & 0xffff'fff0) + 0x1'0000;
    if (m.gs) state.gs_base = (random_.bits() & 0xffff'fff0) + 0x1'0000;
    std::uint64_t target = pick_target(place, std::max<std::size_t>(1, m.size));
    if (m.fs) target -= state.fs_base;
    if (m.gs) target -= state.gs_base;
    if (m.address32 && (m.fs || m.gs)) return false;  // a sum below 4 GiB cannot reach back
    const auto displacement = static_cast<std::uint64_t>(m.displacement);
    if (m.base == no_register && m.index == no_register) {
        if (m.fs || m.gs || place == Place::not_canonical) return false;
        const std::size_t width = insn.modrm_offset == 0 ? (m.address32 ? 4 : 8) : 4;
        const std::size_t at = insn.modrm_offset == 0 ? insn.length - width : insn.tail_offset - 4u;
        const std::uint64_t value = m.rip_relative ? target - (state.rip + insn.length) : target;
        std::memcpy(sample.bytes.data() + at, &value, width);
        Insn again;
        if (!decode(sample.bytes, level_, again) || again.length != insn.length) return false;
        sample.insn.memory = again.memory;
        sample.insn.bytes = again.bytes;
        return true;
    }
    const auto reg = [&](int n) -> std::uint64_t& {
        return state.gpr[static_cast<std::size_t>(n)];
    };
    if (m.base == no_register) {
        reg(m.index) = (target - displacement) / m.scale;
    } else if (m.base == m.index) {
        reg(m.base) = (target - displacement) / (1u + m.scale);
    } else {
        if (m.index != no_register && random_.one_in(2)) reg(m.index) = random_.below(4096) - 2048;
        reg(m.base) = target - displacement;
        if (m.index != no_register) reg(m.base) -= reg(m.index) * m.scale;
    }
    if (m.address32) {
        for (const int n : {m.base, m.index}) {
            if (n != no_register && n != m.base) continue;
            if (n != no_register) reg(n) |= random_.bits() << 32;
        }
    }
    return true;
}

/// Registers that name memory, or decide about an exception, without being encoded. False: the
/// stack pointer is the base of an operand, and would reach into what is the host's.
bool SampleMaker::prepare_implied_operands(Sample& sample) {
    const Insn& insn = sample.insn;
    CpuState& state = sample.state;
    const auto stack = [&](std::uint64_t margin) {
        return BareGuest::data + margin + random_.below(data_bytes - 2 * margin);
    };
    if (insn.mnemonic == ZYDIS_MNEMONIC_DIV || insn.mnemonic == ZYDIS_MNEMONIC_IDIV) {
        if (!random_.one_in(4)) {
            state.reg(Gpr::rdx) = random_.one_in(2) ? 0 : random_.below(100);
            state.reg(Gpr::rax) >>= insn.operand_size == 1 ? 57 : 1;
        }
    }
    if (insn.form == Form::count_jump) {
        static constexpr std::uint64_t counts[] = {0, 1, 2, 1ull << 32, ~0ull, (1ull << 32) + 1};
        state.reg(Gpr::rcx) = counts[random_.below(std::size(counts))];
    }
    if (insn.implicit_rcx && random_.one_in(3)) state.reg(Gpr::rcx) &= ~0xffull;
    if (insn.mnemonic == ZYDIS_MNEMONIC_CMPXCHG8B || insn.mnemonic == ZYDIS_MNEMONIC_CMPXCHG16B) {
        const Vaddr at = effective_address(insn, state);
        if (random_.one_in(2) && at.raw >= BareGuest::data && at.raw + 16 <= BareGuest::end) {
            const std::size_t half = insn.memory.size / 2u;
            std::memcpy(&state.reg(Gpr::rax), sample.at(at.raw), half);
            std::memcpy(&state.reg(Gpr::rdx), sample.at(at.raw) + half, half);
        }
    }
    if (uses_stack(insn)) {
        const bool aligned = random_.one_in(2);
        if (insn.memory.base != 4) state.reg(Gpr::rsp) = stack(aligned ? 1024 : 512);
        if (insn.form == Form::leave) state.reg(Gpr::rbp) = stack(512);
        const std::uint64_t rsp = state.reg(Gpr::rsp);
        if (!NativeCpu::in_reach(rsp - 8, 16) && is_canonical({rsp})) return false;
        if (rsp >= BareGuest::data && rsp + 8 <= BareGuest::end) {
            if (insn.form == Form::ret) {
                const std::uint64_t to = random_.bits() >> 17;
                std::memcpy(sample.at(rsp), &to, 8);
            }
            if (insn.mnemonic == ZYDIS_MNEMONIC_POPF || insn.mnemonic == ZYDIS_MNEMONIC_POPFQ) {
                const std::uint64_t image =
                    random_.bits() & (rflags::arithmetic | rflags::df | rflags::interrupt);
                std::memcpy(sample.at(rsp), &image, 8);
            }
        }
    }
    if (insn.mnemonic == ZYDIS_MNEMONIC_ENTER) {
        state.reg(Gpr::rsp) = middle + random_.below(512);
        state.reg(Gpr::rbp) = middle + random_.below(512);
    }
    if (insn.form == Form::call_indirect || insn.form == Form::jump_indirect) {
        if (!insn.has_memory) {
            state.gpr[static_cast<std::size_t>(insn.rm.number)] = random_.bits() >> 17;
            if (insn.rm.number == 4) state.reg(Gpr::rsp) = stack(512);
        } else {
            const Vaddr at = effective_address(insn, state);
            const std::uint64_t to = random_.bits() >> 17;
            if (at.raw >= BareGuest::data && at.raw + 8 <= BareGuest::end)
                std::memcpy(sample.at(at.raw), &to, 8);
        }
    }
    if (is_string(insn)) {
        state.reg(Gpr::rsi) = stack(256);
        state.reg(Gpr::rdi) =
            random_.one_in(3) ? state.reg(Gpr::rsi) + random_.below(16) - 8 : stack(256);
        state.reg(Gpr::rcx) = random_.below(20);
    }
    if (insn.mnemonic == ZYDIS_MNEMONIC_F2XM1 || insn.mnemonic == ZYDIS_MNEMONIC_FYL2XP1) {
        // Outside of -0.29 to 0.29 (or -1 to 1) the result is undefined.
        std::uint16_t head = 0;
        std::memcpy(&head, state.xsave.data() + 40, 2);
        const unsigned exponent = head & 0x7fff;
        if (exponent > 0x3ffc && exponent != 0x7fff) {
            head = static_cast<std::uint16_t>((head & 0x8000) | 0x3ffc);
            std::memcpy(state.xsave.data() + 40, &head, 2);
        }
    }
    if (is_gather(insn)) {
        // Indices that stay near: bits 3 of the register's number are stored inverted.
        const std::uint8_t* const vex = insn.bytes.data() + insn.opcode_offset;
        const std::size_t number =
            (insn.bytes[insn.modrm_offset + 1u] >> 3 & 7u) + ((vex[1] & 0x40) == 0 ? 8u : 0u);
        const std::size_t size = (vex[3] & 1) != 0 ? 8 : 4;
        for (std::size_t i = 0; i < 32; i += size) {
            const std::uint64_t index = random_.below(64) - 32;
            const std::size_t half = i < 16 ? 160 : 576 - 16;
            std::memcpy(state.xsave.data() + half + 16 * number + i, &index, size);
        }
    }
    if (insn.mnemonic == ZYDIS_MNEMONIC_XLAT) {
        state.reg(Gpr::rbx) = stack(300);
        if (random_.one_in(3)) state.reg(Gpr::rbx) = page_of(Vaddr{middle}).raw - 128;
    }
    if (insn.mnemonic == ZYDIS_MNEMONIC_MASKMOVQ || insn.mnemonic == ZYDIS_MNEMONIC_MASKMOVDQU ||
        insn.mnemonic == ZYDIS_MNEMONIC_VMASKMOVDQU) {
        state.reg(Gpr::rdi) = stack(256);
    }
    return true;
}

bool SampleMaker::make(const InsnForm& form, Place place, Sample& sample) {
    Encoding e;
    encode(form, e);
    auto& bytes = sample.bytes;
    bytes.clear();
    if (e.segment != 0) bytes.push_back(e.segment);
    if (e.address32) bytes.push_back(0x67);
    if (form.vex) {
        const unsigned pp = form.prefix == 0x66   ? 1
                            : form.prefix == 0xf3 ? 2
                            : form.prefix == 0xf2 ? 3
                                                  : 0;
        const auto vvvv = form.vvvv ? static_cast<unsigned>(pick_register()) : 0u;
        const unsigned last = (vvvv ^ 15u) << 3 | (form.vex_256 ? 4u : 0u) | pp;
        if (form.map == OpcodeMap::map_0f && !form.wide && (e.rex & 3) == 0 && e.empty_rex) {
            bytes.push_back(0xc5);
            bytes.push_back(static_cast<std::uint8_t>(((e.rex & 4) == 0 ? 0x80u : 0u) | last));
        } else {
            bytes.push_back(0xc4);
            bytes.push_back(
                static_cast<std::uint8_t>((e.rex ^ 7u) << 5 | static_cast<unsigned>(form.map)));
            bytes.push_back(static_cast<std::uint8_t>((form.wide ? 0x80u : 0u) | last));
        }
    } else {
        if (form.lock) bytes.push_back(0xf0);
        if (form.prefix != 0) bytes.push_back(form.prefix);
        if (form.wide || e.rex != 0 || e.empty_rex)
            bytes.push_back(static_cast<std::uint8_t>(0x40u | (form.wide ? 8u : 0u) | e.rex));
        if (form.map != OpcodeMap::one_byte) bytes.push_back(0x0f);
        if (form.map == OpcodeMap::map_0f38) bytes.push_back(0x38);
        if (form.map == OpcodeMap::map_0f3a) bytes.push_back(0x3a);
    }
    const std::size_t opcode_at = bytes.size();
    bytes.push_back(form.opcode);
    bytes.insert(bytes.end(), e.operand.begin(), e.operand.end());
    while (bytes.size() < 16) bytes.push_back(random_.byte());
    // The frame that ENTER allocates must stay inside of the data pages.
    if (form.sample.mnemonic == ZYDIS_MNEMONIC_ENTER) bytes[opcode_at + 2] = 0;
    if (!decode(bytes, level_, sample.insn)) return false;
    if (sample.insn.mnemonic != form.sample.mnemonic) return false;
    bytes.resize(sample.insn.length);
    const std::uint64_t at = random_.one_in(16) ? page_size - 1 - random_.below(sample.insn.length)
                                                : 256 + random_.below(2048);
    sample.state.rip = BareGuest::base + at;
    fill_state(sample);
    fill_memory(sample);
    if (sample.insn.has_memory) {
        if (!aim(sample, place)) return false;
    }
    if (!prepare_implied_operands(sample)) return false;
    if (!NativeCpu::takes_any_rsp() && !is_canonical({sample.state.reg(Gpr::rsp)})) return false;
    std::memcpy(sample.at(sample.state.rip), bytes.data(), bytes.size());
    return true;
}

}  // namespace ring3::test
