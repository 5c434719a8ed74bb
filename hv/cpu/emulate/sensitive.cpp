// SPDX-License-Identifier: MIT
// Instructions whose answer is the hypervisor's: CPUID, MSRs, control and debug registers, ports,
// time. Xen emulates most for the guest kernel alone; in user mode they are #GP.
#include <Zydis/Mnemonic.h>

#include <array>

#include "hv/cpu/emulate/emulate.hpp"

namespace ring3 {
namespace {

/// `ud2; .ascii "xen"` before CPUID asks Xen to emulate it (xen/arch-x86/xen.h, XEN_CPUID).
constexpr std::array<std::uint8_t, 3> forced_emulation{'x', 'e', 'n'};

std::uint64_t edx_eax(const CpuState& state) {
    return state.reg(Gpr::rdx) << 32 | (state.reg(Gpr::rax) & 0xffff'ffff);
}

void set_edx_eax(CpuState& state, std::uint64_t value) {
    state.reg(Gpr::rax) = value & 0xffff'ffff;
    state.reg(Gpr::rdx) = value >> 32;
}

void cpuid(EmulationContext& c) {
    const CpuidLeaf leaf =
        c.environment.cpuid(c.state, static_cast<std::uint32_t>(c.state.reg(Gpr::rax)),
                            static_cast<std::uint32_t>(c.state.reg(Gpr::rcx)));
    c.state.reg(Gpr::rax) = leaf.eax;
    c.state.reg(Gpr::rbx) = leaf.ebx;
    c.state.reg(Gpr::rcx) = leaf.ecx;
    c.state.reg(Gpr::rdx) = leaf.edx;
}

Emulated ud2(const Insn& insn, EmulationContext& c) {
    std::array<std::uint8_t, 5> behind{};
    if (c.state.kernel_mode && c.memory.load({c.state.rip + insn.length}, behind) &&
        std::equal(forced_emulation.begin(), forced_emulation.end(), behind.begin()) &&
        behind[3] == 0x0f && behind[4] == 0xa2) {
        cpuid(c);
        c.state.rip += insn.length + behind.size();
        return {1, {}};
    }
    return fault_exception(6);
}

Emulated read_msr(const Insn& insn, EmulationContext& c) {
    if (!c.state.kernel_mode) return general_protection();
    const auto value =
        c.environment.read_msr(c.state, static_cast<std::uint32_t>(c.state.reg(Gpr::rcx)));
    if (!value) return general_protection();
    set_edx_eax(c.state, *value);
    return retire(insn, c);
}

Emulated write_msr(const Insn& insn, EmulationContext& c) {
    if (!c.state.kernel_mode) return general_protection();
    if (!c.environment.write_msr(c.state, static_cast<std::uint32_t>(c.state.reg(Gpr::rcx)),
                                 edx_eax(c.state))) {
        return general_protection();
    }
    return retire(insn, c);
}

/// MOV to or from CRn and DRn: 0F 20, 21, 22, 23; ModRM.reg (with REX.R) is n.
std::optional<Emulated> move_control(const Insn& insn, EmulationContext& c) {
    if (insn.bytes[insn.opcode_offset] != 0x0f) return {};
    const std::uint8_t opcode = insn.bytes[insn.opcode_offset + 1u];
    if (opcode < 0x20 || opcode > 0x23) return {};
    if (!c.state.kernel_mode) return general_protection();
    unsigned n = insn.bytes[insn.modrm_offset] >> 3 & 7u;
    for (std::size_t i = 0; i < insn.opcode_offset; ++i) {
        if ((insn.bytes[i] & 0xf4) == 0x44) n += 8;
    }
    const bool debug = (opcode & 1) != 0;
    if (debug && n > 7) return fault_exception(6);
    if (opcode < 0x22) {
        const auto value =
            debug ? c.environment.read_dr(c.state, n) : c.environment.read_cr(c.state, n);
        if (!value) return general_protection();
        write_register(c.state, insn.rm.number, 8, *value);
    } else {
        const std::uint64_t value = read_field(c.state, insn.rm);
        const bool written = debug ? c.environment.write_dr(c.state, n, value)
                                   : c.environment.write_cr(c.state, n, value);
        if (!written) return general_protection();
    }
    return retire(insn, c);
}

/// IN and OUT: bit 3 of the opcode says DX, bit 1 says OUT, bit 0 says not a byte.
Emulated port(const Insn& insn, EmulationContext& c) {
    const std::uint8_t opcode = insn.bytes[insn.opcode_offset];
    const auto number = static_cast<std::uint16_t>(
        (opcode & 8) != 0 ? c.state.reg(Gpr::rdx) : insn.bytes[insn.length - 1u]);
    const unsigned size = (opcode & 1) == 0 ? 1 : insn.operand_size == 2 ? 2 : 4;
    if ((opcode & 2) != 0) {
        const auto value = static_cast<std::uint32_t>(c.state.reg(Gpr::rax));
        if (!c.environment.write_port(c.state, number, size, value)) return general_protection();
    } else {
        const auto value = c.environment.read_port(c.state, number, size);
        if (!value) return general_protection();
        write_register(c.state, 0, size, *value);
    }
    return retire(insn, c);
}

/// SGDT, SIDT, SLDT, STR, SMSW answer in user mode too (no UMIP). Limits and selectors as Xen's own
/// tables have them; their addresses, which are the hypervisor's business, read as zero.
constexpr std::uint64_t gdt_limit = 0xefff, idt_limit = 0xfff, task_selector = 0xe040;

Emulated store_system_register(const Insn& insn, EmulationContext& c, std::uint64_t value,
                               unsigned size) {
    if (insn.has_memory) {
        const auto bytes = std::as_bytes(std::span{&value, 1});
        if (size == 10) {
            std::array<std::byte, 10> pseudo_descriptor{};
            std::memcpy(pseudo_descriptor.data(), &value, 2);
            if (!c.memory.write(effective_address(insn, c.state), pseudo_descriptor)) {
                return memory_fault(c);
            }
        } else if (!c.memory.write(effective_address(insn, c.state), bytes.first(2))) {
            return memory_fault(c);
        }
    } else {
        write_register(c.state, insn.rm.number, insn.operand_size, value);
    }
    return retire(insn, c);
}

}  // namespace

std::optional<Emulated> emulate_sensitive(const Insn& insn, EmulationContext& c) {
    CpuState& state = c.state;
    switch (insn.mnemonic) {
        case ZYDIS_MNEMONIC_UD2:
            return ud2(insn, c);
        case ZYDIS_MNEMONIC_CPUID:
            cpuid(c);
            return retire(insn, c);
        case ZYDIS_MNEMONIC_RDTSC:
            set_edx_eax(state, c.environment.tsc(state));
            return retire(insn, c);
        case ZYDIS_MNEMONIC_RDTSCP:
            set_edx_eax(state, c.environment.tsc(state));
            state.reg(Gpr::rcx) = state.tsc_aux & 0xffff'ffff;
            return retire(insn, c);
        case ZYDIS_MNEMONIC_RDRAND:
            // CF: there was a number, as there always is; the other flags are cleared.
            write_register(state, insn.rm.number, insn.operand_size, c.environment.random_number());
            state.rflags = (state.rflags & ~std::uint64_t{rflags::arithmetic}) | rflags::cf;
            return retire(insn, c);
        case ZYDIS_MNEMONIC_RDMSR:
            return read_msr(insn, c);
        case ZYDIS_MNEMONIC_WRMSR:
            return write_msr(insn, c);
        case ZYDIS_MNEMONIC_XGETBV:
            if ((state.cr4 >> 18 & 1) == 0) return fault_exception(6);
            if ((state.reg(Gpr::rcx) & 0xffff'ffff) != 0) return general_protection();
            set_edx_eax(state, state.xcr0);
            return retire(insn, c);
        case ZYDIS_MNEMONIC_XSETBV:
            if ((state.cr4 >> 18 & 1) == 0) return fault_exception(6);
            if (!state.kernel_mode ||
                !c.environment.write_xcr(state, static_cast<std::uint32_t>(state.reg(Gpr::rcx)),
                                         edx_eax(state))) {
                return general_protection();
            }
            return retire(insn, c);
        case ZYDIS_MNEMONIC_MOV:
            return move_control(insn, c);
        case ZYDIS_MNEMONIC_CLTS:
            if (!state.kernel_mode || !c.environment.write_cr(state, 0, state.cr0 & ~cr0::ts)) {
                return general_protection();
            }
            return retire(insn, c);
        case ZYDIS_MNEMONIC_IN:
        case ZYDIS_MNEMONIC_OUT:
            return port(insn, c);
        case ZYDIS_MNEMONIC_CLI:
        case ZYDIS_MNEMONIC_STI:
            if (!c.environment.interrupt_flag_is_writable(state)) return general_protection();
            return retire(insn, c);
        case ZYDIS_MNEMONIC_WBINVD:
        case ZYDIS_MNEMONIC_INVD:
            if (!state.kernel_mode) return general_protection();
            return retire(insn, c);
        case ZYDIS_MNEMONIC_SGDT:
            return store_system_register(insn, c, gdt_limit, 10);
        case ZYDIS_MNEMONIC_SIDT:
            return store_system_register(insn, c, idt_limit, 10);
        case ZYDIS_MNEMONIC_SLDT:
            return store_system_register(insn, c, 0, 2);
        case ZYDIS_MNEMONIC_STR:
            return store_system_register(insn, c, task_selector, 2);
        case ZYDIS_MNEMONIC_SMSW:
            return store_system_register(insn, c, state.cr0, 2);
        case ZYDIS_MNEMONIC_LGDT:
        case ZYDIS_MNEMONIC_LIDT:
        case ZYDIS_MNEMONIC_LLDT:
        case ZYDIS_MNEMONIC_LTR:
        case ZYDIS_MNEMONIC_LMSW:
        case ZYDIS_MNEMONIC_INVLPG:
        case ZYDIS_MNEMONIC_SWAPGS:
        case ZYDIS_MNEMONIC_RDPMC:
        case ZYDIS_MNEMONIC_HLT:
            return general_protection();
        case ZYDIS_MNEMONIC_MONITOR:
        case ZYDIS_MNEMONIC_MWAIT:
        case ZYDIS_MNEMONIC_RSM:
            return fault_exception(6);
        default:
            // VMX and SVM are in no guest's model.
            if (insn.mnemonic >= ZYDIS_MNEMONIC_VMCALL && insn.mnemonic <= ZYDIS_MNEMONIC_VMXON) {
                return fault_exception(6);
            }
            return {};
    }
}

}  // namespace ring3
