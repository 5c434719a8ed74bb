// SPDX-License-Identifier: MIT
#include "tests/insn/native_trace.hpp"

#include <Zydis/Mnemonic.h>

#include <algorithm>

#include "hv/cpu/emulate/emulate.hpp"
#include "tests/insn/duel.hpp"

namespace ring3::test {
namespace {

constexpr std::size_t longest_trace = 1200, most_faults = 40;

void protect(const RandomProgram& program, bool on) {
    for (unsigned i = 0; i < BareGuest::pages; ++i) {
        if (program.rights[i] == PageRight::write) continue;
        const bool readable = !on || program.rights[i] != PageRight::none;
        NativeCpu::protect(BareGuest::base + i * page_size, page_size, readable, !on);
    }
}

bool is_near(std::uint64_t address) {
    constexpr std::uint64_t around = 1024;
    return address >= around && NativeCpu::in_reach(address - around, 2 * around);
}

/// Whether it may run on the host: nothing but the mirror is concerned.
bool is_safe(const Insn& insn, const CpuState& state) {
    if (!is_comparable(insn) || !is_near(state.reg(Gpr::rsp))) return false;
    if (insn.form == Form::leave && !is_near(state.reg(Gpr::rbp))) return false;
    const bool at_rsi_and_rdi =
        insn.form == Form::rep_string ||
        (insn.form == Form::emulated && insn.mnemonic != ZYDIS_MNEMONIC_PUSHFQ && !insn.reg.used());
    if (at_rsi_and_rdi) {
        switch (insn.mnemonic) {
            case ZYDIS_MNEMONIC_MOVSB:
            case ZYDIS_MNEMONIC_MOVSW:
            case ZYDIS_MNEMONIC_MOVSD:
            case ZYDIS_MNEMONIC_MOVSQ:
            case ZYDIS_MNEMONIC_STOSB:
            case ZYDIS_MNEMONIC_STOSW:
            case ZYDIS_MNEMONIC_STOSD:
            case ZYDIS_MNEMONIC_STOSQ:
            case ZYDIS_MNEMONIC_LODSB:
            case ZYDIS_MNEMONIC_LODSW:
            case ZYDIS_MNEMONIC_LODSD:
            case ZYDIS_MNEMONIC_LODSQ:
            case ZYDIS_MNEMONIC_CMPSB:
            case ZYDIS_MNEMONIC_CMPSW:
            case ZYDIS_MNEMONIC_CMPSD:
            case ZYDIS_MNEMONIC_CMPSQ:
            case ZYDIS_MNEMONIC_SCASB:
            case ZYDIS_MNEMONIC_SCASW:
            case ZYDIS_MNEMONIC_SCASD:
            case ZYDIS_MNEMONIC_SCASQ:
                return is_near(state.reg(Gpr::rsi)) && is_near(state.reg(Gpr::rdi));
            default:
                return false;
        }
    }
    if (!insn.has_memory) return true;
    const bool is_bit_string = insn.reg.used() && insn.mnemonic >= ZYDIS_MNEMONIC_BT &&
                               insn.mnemonic <= ZYDIS_MNEMONIC_BTS;
    if (is_bit_string) {
        const std::uint64_t bit = read_field(state, insn.reg);
        if (bit > 4096) return false;
    } else if (insn.form == Form::emulated) {
        return false;
    }
    return is_near(effective_address(insn, state).raw);
}

}  // namespace

/// From the mirror's pages of code alone, as they are now.
bool Tracer::fetch(std::uint64_t rip, Insn& insn) {
    if (rip < BareGuest::base || rip >= BareGuest::data) return false;
    const auto code = NativeCpu::memory().first(BareGuest::code_pages * page_size);
    return decode(code.subspan(rip - BareGuest::base), level_, insn);
}

void Tracer::clear_dead_flags(CpuState& state) {
    const Vaddr rip{state.rip};
    if (rip.raw < BareGuest::base || rip.raw >= BareGuest::data) return;
    scan_.begin(NativeCpu::memory().subspan(page_of(rip).raw - BareGuest::base, page_size));
    const std::uint64_t live = scan_.live(static_cast<std::uint32_t>(page_offset(rip)));
    state.rflags &= ~(rflags::arithmetic & ~live);
}

void Tracer::follow(const RandomProgram& program, Trace& trace) {
    CpuState state = program.state;
    trace.states.assign(1, state);
    trace.faults.clear();
    trace.ended = false;
    Insn insn;
    while (trace.states.size() < longest_trace && trace.faults.size() < most_faults &&
           fetch(state.rip, insn)) {
        const bool is_end = insn.mnemonic == ZYDIS_MNEMONIC_UD2;
        if (!is_end && !is_safe(insn, state)) return;
        const CpuState before = state;
        const Outcome out = cpu_.step(state);
        state = out.state;
        // The engine raises #GP for where a branch leads to at the target (README).
        if (insn.ends_block() && insn.form != Form::emulated && out.vector == 13) return;
        if (out.vector != Outcome::no_exception) {
            // What skips the instruction makes its dead flags visible.
            clear_dead_flags(state);
            trace.faults.push_back({state, trace.states.size() - 1, out.vector, out.error_code,
                                    out.address, insn.length});
            trace.ended = is_end;
            if (is_end) return;
            state.rip += insn.length;
            continue;
        }
        if (insn.mnemonic == ZYDIS_MNEMONIC_PUSHFQ) {
            // The host pushed the TF that makes it step.
            NativeCpu::memory()[state.reg(Gpr::rsp) + 1 - BareGuest::base] &= 0xfe;
        }
        state.rflags &= ~undefined_flags(insn, before);
        clear_dead_flags(trace.states.emplace_back(state));
    }
}

void Tracer::run(const RandomProgram& program, Trace& trace) {
    const auto mirror = NativeCpu::memory();
    std::copy(program.memory.begin(), program.memory.end(), mirror.begin());
    protect(program, true);
    follow(program, trace);
    protect(program, false);
    std::copy(mirror.begin(), mirror.end(), trace.memory.begin());
}

}  // namespace ring3::test
