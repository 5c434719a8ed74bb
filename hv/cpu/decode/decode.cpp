// SPDX-License-Identifier: MIT
#include <Zydis/Zydis.h>

#include <algorithm>
#include <cstring>

#include "hv/cpu/decode/insn.hpp"
#include "hv/cpu/decode/shape.hpp"

namespace ring3 {
namespace {

ZydisDecoder make_decoder(IsaLevel level) {
    ZydisDecoder decoder;
    ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
    const bool v3 = level == IsaLevel::x86_64_v3;
    // Without these features the CPU ignores the prefix that makes the newer instruction.
    ZydisDecoderEnableMode(&decoder, ZYDIS_DECODER_MODE_LZCNT, v3);
    ZydisDecoderEnableMode(&decoder, ZYDIS_DECODER_MODE_TZCNT, v3);
    ZydisDecoderEnableMode(&decoder, ZYDIS_DECODER_MODE_MPX, ZYAN_FALSE);
    ZydisDecoderEnableMode(&decoder, ZYDIS_DECODER_MODE_CET, ZYAN_FALSE);
    ZydisDecoderEnableMode(&decoder, ZYDIS_DECODER_MODE_CLDEMOTE, ZYAN_FALSE);
    ZydisDecoderEnableMode(&decoder, ZYDIS_DECODER_MODE_WBNOINVD, ZYAN_FALSE);
    ZydisDecoderEnableMode(&decoder, ZYDIS_DECODER_MODE_KNC, ZYAN_FALSE);
    return decoder;
}

bool in_model(const ZydisDecodedInstruction& z, IsaLevel level) {
    const bool v3 = level == IsaLevel::x86_64_v3;
    switch (z.meta.isa_set) {
        case ZYDIS_ISA_SET_AMD3DNOW:
        case ZYDIS_ISA_SET_SSE4A:
        case ZYDIS_ISA_SET_AMD:
        case ZYDIS_ISA_SET_LWP:
            return z.mnemonic == ZYDIS_MNEMONIC_SYSCALL || z.mnemonic == ZYDIS_MNEMONIC_SYSRET ||
                   z.mnemonic == ZYDIS_MNEMONIC_UD0;
        default:
            break;
    }
    switch (z.meta.isa_ext) {
        case ZYDIS_ISA_EXT_BASE:
        case ZYDIS_ISA_EXT_LONGMODE:
        case ZYDIS_ISA_EXT_X87:
        case ZYDIS_ISA_EXT_MMX:
        case ZYDIS_ISA_EXT_SSE:
        case ZYDIS_ISA_EXT_SSE2:
        case ZYDIS_ISA_EXT_SSE3:
        case ZYDIS_ISA_EXT_SSSE3:
        case ZYDIS_ISA_EXT_SSE4:
        case ZYDIS_ISA_EXT_CLFSH:
        case ZYDIS_ISA_EXT_PAUSE:
        case ZYDIS_ISA_EXT_XSAVE:
        case ZYDIS_ISA_EXT_RDTSCP:
        case ZYDIS_ISA_EXT_RDRAND:
        case ZYDIS_ISA_EXT_AMD3DNOW_PREFETCH:
        case ZYDIS_ISA_EXT_MONITOR:
        case ZYDIS_ISA_EXT_VTX:
        case ZYDIS_ISA_EXT_SVM:
            return true;
        case ZYDIS_ISA_EXT_AVX:
        case ZYDIS_ISA_EXT_AVX2:
        case ZYDIS_ISA_EXT_AVX2GATHER:
        case ZYDIS_ISA_EXT_BMI1:
        case ZYDIS_ISA_EXT_BMI2:
        case ZYDIS_ISA_EXT_F16C:
        case ZYDIS_ISA_EXT_FMA:
        case ZYDIS_ISA_EXT_LZCNT:
        case ZYDIS_ISA_EXT_MOVBE:
            return v3;
        default:
            return false;
    }
}

bool is_vector(ZydisRegister r) {
    switch (ZydisRegisterGetClass(r)) {
        case ZYDIS_REGCLASS_X87:
        case ZYDIS_REGCLASS_MMX:
        case ZYDIS_REGCLASS_XMM:
        case ZYDIS_REGCLASS_YMM:
            return true;
        default:
            return r == ZYDIS_REGISTER_MXCSR || r == ZYDIS_REGISTER_X87CONTROL ||
                   r == ZYDIS_REGISTER_X87STATUS || r == ZYDIS_REGISTER_X87TAG;
    }
}

/// Number, size and high-byte form of a general register; number is no_register for others.
RegisterField general_register(ZydisRegister r) {
    RegisterField field;
    if (r >= ZYDIS_REGISTER_AL && r <= ZYDIS_REGISTER_BL) {
        field = {static_cast<std::int8_t>(r - ZYDIS_REGISTER_AL), 1, false};
    } else if (r >= ZYDIS_REGISTER_AH && r <= ZYDIS_REGISTER_BH) {
        field = {static_cast<std::int8_t>(r - ZYDIS_REGISTER_AH), 1, true};
    } else if (r >= ZYDIS_REGISTER_SPL && r <= ZYDIS_REGISTER_R15B) {
        field = {static_cast<std::int8_t>(r - ZYDIS_REGISTER_SPL + 4), 1, false};
    } else if (r >= ZYDIS_REGISTER_AX && r <= ZYDIS_REGISTER_R15W) {
        field = {static_cast<std::int8_t>(r - ZYDIS_REGISTER_AX), 2, false};
    } else if (r >= ZYDIS_REGISTER_EAX && r <= ZYDIS_REGISTER_R15D) {
        field = {static_cast<std::int8_t>(r - ZYDIS_REGISTER_EAX), 4, false};
    } else if (r >= ZYDIS_REGISTER_RAX && r <= ZYDIS_REGISTER_R15) {
        field = {static_cast<std::int8_t>(r - ZYDIS_REGISTER_RAX), 8, false};
    }
    return field;
}

/// How this mnemonic is executed, before its operands are looked at.
Form form_of(const ZydisDecodedInstruction& z) {
    switch (z.mnemonic) {
        case ZYDIS_MNEMONIC_LEA:
            return Form::lea;
        case ZYDIS_MNEMONIC_PUSH:
            return Form::push;
        case ZYDIS_MNEMONIC_POP:
            return Form::pop;
        case ZYDIS_MNEMONIC_LEAVE:
            return Form::leave;
        case ZYDIS_MNEMONIC_CALL:
            if (z.meta.branch_type == ZYDIS_BRANCH_TYPE_FAR) return Form::emulated;
            return z.raw.imm[0].is_relative ? Form::call : Form::call_indirect;
        case ZYDIS_MNEMONIC_JMP:
            if (z.meta.branch_type == ZYDIS_BRANCH_TYPE_FAR) return Form::emulated;
            return z.raw.imm[0].is_relative ? Form::jump : Form::jump_indirect;
        case ZYDIS_MNEMONIC_RET:
            return z.meta.branch_type == ZYDIS_BRANCH_TYPE_FAR ? Form::emulated : Form::ret;
        case ZYDIS_MNEMONIC_LOOP:
        case ZYDIS_MNEMONIC_LOOPE:
        case ZYDIS_MNEMONIC_LOOPNE:
        case ZYDIS_MNEMONIC_JRCXZ:
        case ZYDIS_MNEMONIC_JECXZ:
        case ZYDIS_MNEMONIC_JCXZ:
            return Form::count_jump;
        case ZYDIS_MNEMONIC_CLD:
        case ZYDIS_MNEMONIC_STD:
            return Form::direction;
        case ZYDIS_MNEMONIC_NOP:
        case ZYDIS_MNEMONIC_PAUSE:
        case ZYDIS_MNEMONIC_PREFETCH:
        case ZYDIS_MNEMONIC_PREFETCHNTA:
        case ZYDIS_MNEMONIC_PREFETCHT0:
        case ZYDIS_MNEMONIC_PREFETCHT1:
        case ZYDIS_MNEMONIC_PREFETCHT2:
        case ZYDIS_MNEMONIC_PREFETCHW:
        case ZYDIS_MNEMONIC_PREFETCHWT1:
            return Form::nop;
        case ZYDIS_MNEMONIC_UD0:
        case ZYDIS_MNEMONIC_UD1:
            return Form::undefined;
        case ZYDIS_MNEMONIC_UD2:  // may begin Xen's forced emulation of CPUID
        case ZYDIS_MNEMONIC_PUSHF:
        case ZYDIS_MNEMONIC_PUSHFD:
        case ZYDIS_MNEMONIC_PUSHFQ:
        case ZYDIS_MNEMONIC_POPF:
        case ZYDIS_MNEMONIC_POPFD:
        case ZYDIS_MNEMONIC_POPFQ:
        case ZYDIS_MNEMONIC_CLI:
        case ZYDIS_MNEMONIC_STI:
        case ZYDIS_MNEMONIC_HLT:
        case ZYDIS_MNEMONIC_ENTER:
        case ZYDIS_MNEMONIC_XLAT:
        case ZYDIS_MNEMONIC_CPUID:
        case ZYDIS_MNEMONIC_RDTSC:
        case ZYDIS_MNEMONIC_RDTSCP:
        case ZYDIS_MNEMONIC_RDRAND:
        case ZYDIS_MNEMONIC_RDPMC:
        case ZYDIS_MNEMONIC_RDMSR:
        case ZYDIS_MNEMONIC_WRMSR:
        case ZYDIS_MNEMONIC_XGETBV:
        case ZYDIS_MNEMONIC_XSETBV:
        case ZYDIS_MNEMONIC_SGDT:
        case ZYDIS_MNEMONIC_SIDT:
        case ZYDIS_MNEMONIC_SLDT:
        case ZYDIS_MNEMONIC_STR:
        case ZYDIS_MNEMONIC_SMSW:
        case ZYDIS_MNEMONIC_LMSW:
        case ZYDIS_MNEMONIC_LGDT:
        case ZYDIS_MNEMONIC_LIDT:
        case ZYDIS_MNEMONIC_LLDT:
        case ZYDIS_MNEMONIC_LTR:
        case ZYDIS_MNEMONIC_LAR:
        case ZYDIS_MNEMONIC_LSL:
        case ZYDIS_MNEMONIC_VERR:
        case ZYDIS_MNEMONIC_VERW:
        case ZYDIS_MNEMONIC_CLTS:
        case ZYDIS_MNEMONIC_INVD:
        case ZYDIS_MNEMONIC_WBINVD:
        case ZYDIS_MNEMONIC_INVLPG:
        case ZYDIS_MNEMONIC_SWAPGS:
        case ZYDIS_MNEMONIC_LFS:
        case ZYDIS_MNEMONIC_LGS:
        case ZYDIS_MNEMONIC_LSS:
        case ZYDIS_MNEMONIC_FXSAVE:
        case ZYDIS_MNEMONIC_FXSAVE64:
        case ZYDIS_MNEMONIC_FXRSTOR:
        case ZYDIS_MNEMONIC_FXRSTOR64:
        case ZYDIS_MNEMONIC_XSAVE:
        case ZYDIS_MNEMONIC_XSAVE64:
        case ZYDIS_MNEMONIC_XRSTOR:
        case ZYDIS_MNEMONIC_XRSTOR64:
        case ZYDIS_MNEMONIC_FNSTENV:
        case ZYDIS_MNEMONIC_FNSAVE:
        case ZYDIS_MNEMONIC_FLDENV:
        case ZYDIS_MNEMONIC_FRSTOR:
        case ZYDIS_MNEMONIC_F2XM1:
        case ZYDIS_MNEMONIC_FYL2X:
        case ZYDIS_MNEMONIC_FYL2XP1:
        case ZYDIS_MNEMONIC_FPTAN:
        case ZYDIS_MNEMONIC_FPATAN:
        case ZYDIS_MNEMONIC_FSIN:
        case ZYDIS_MNEMONIC_FCOS:
        case ZYDIS_MNEMONIC_FSINCOS:
        case ZYDIS_MNEMONIC_RCPPS:
        case ZYDIS_MNEMONIC_RCPSS:
        case ZYDIS_MNEMONIC_RSQRTPS:
        case ZYDIS_MNEMONIC_RSQRTSS:
        case ZYDIS_MNEMONIC_VRCPPS:
        case ZYDIS_MNEMONIC_VRCPSS:
        case ZYDIS_MNEMONIC_VRSQRTPS:
        case ZYDIS_MNEMONIC_VRSQRTSS:
        case ZYDIS_MNEMONIC_MASKMOVDQU:
        case ZYDIS_MNEMONIC_MASKMOVQ:
        case ZYDIS_MNEMONIC_VMASKMOVDQU:
        case ZYDIS_MNEMONIC_VMASKMOVPS:
        case ZYDIS_MNEMONIC_VMASKMOVPD:
        case ZYDIS_MNEMONIC_VPMASKMOVD:
        case ZYDIS_MNEMONIC_VPMASKMOVQ:
        case ZYDIS_MNEMONIC_CLFLUSH:
        case ZYDIS_MNEMONIC_RSM:
        case ZYDIS_MNEMONIC_MONITOR:
        case ZYDIS_MNEMONIC_MWAIT:
        case ZYDIS_MNEMONIC_IRET:
        case ZYDIS_MNEMONIC_IRETD:
        case ZYDIS_MNEMONIC_IRETQ:
            return Form::emulated;
        default:
            break;
    }
    switch (z.meta.category) {
        case ZYDIS_CATEGORY_WIDENOP:
        case ZYDIS_CATEGORY_NOP:
            return Form::nop;
        case ZYDIS_CATEGORY_COND_BR:
            return Form::jump_if;
        case ZYDIS_CATEGORY_STRINGOP:
        case ZYDIS_CATEGORY_IOSTRINGOP:
        case ZYDIS_CATEGORY_IO:
        case ZYDIS_CATEGORY_INTERRUPT:
        case ZYDIS_CATEGORY_SYSCALL:
        case ZYDIS_CATEGORY_SYSRET:
        case ZYDIS_CATEGORY_SEGOP:
        case ZYDIS_CATEGORY_AVX2GATHER:
            return Form::emulated;
        default:
            break;
    }
    if (z.meta.isa_ext == ZYDIS_ISA_EXT_VTX || z.meta.isa_ext == ZYDIS_ISA_EXT_SVM) {
        return Form::emulated;
    }
    return Form::plain;
}

bool is_shift_or_rotate(ZydisMnemonic m) {
    switch (m) {
        case ZYDIS_MNEMONIC_SHL:
        case ZYDIS_MNEMONIC_SHR:
        case ZYDIS_MNEMONIC_SAR:
        case ZYDIS_MNEMONIC_ROL:
        case ZYDIS_MNEMONIC_ROR:
        case ZYDIS_MNEMONIC_RCL:
        case ZYDIS_MNEMONIC_RCR:
        case ZYDIS_MNEMONIC_SHLD:
        case ZYDIS_MNEMONIC_SHRD:
            return true;
        default:
            return false;
    }
}

/// What a shift or rotate leaves undefined, by the count it has (SDM vol. 2): AF, except that
/// rotates leave it alone, and OF unless the count is 1.
void note_shift_flags(const ZydisDecodedInstruction& z, Insn& insn) {
    const bool rotate = z.mnemonic == ZYDIS_MNEMONIC_ROL || z.mnemonic == ZYDIS_MNEMONIC_ROR ||
                        z.mnemonic == ZYDIS_MNEMONIC_RCL || z.mnemonic == ZYDIS_MNEMONIC_RCR;
    const std::uint32_t any_count = rotate ? 0 : rflags::af;
    if (insn.implicit_rcx) {
        // A count of zero leaves every flag as it was.
        insn.flags_killed = 0;
        insn.flags_undefined = any_count | rflags::of;
        return;
    }
    const unsigned mask = insn.operand_size == 8 ? 63 : 31;
    const auto count = z.raw.imm[0].size == 0 ? 1 : z.raw.imm[0].value.u & mask;
    insn.flags_undefined = count == 0 ? 0 : count == 1 ? any_count : any_count | rflags::of;
    if (count == 0) insn.flags_killed = 0;
}

bool is_bit_test(ZydisMnemonic m) {
    return m == ZYDIS_MNEMONIC_BT || m == ZYDIS_MNEMONIC_BTS || m == ZYDIS_MNEMONIC_BTR ||
           m == ZYDIS_MNEMONIC_BTC;
}

void note_flags(const ZydisDecodedInstruction& z, Insn& insn) {
    if (z.cpu_flags == nullptr) return;
    const auto& f = *z.cpu_flags;
    constexpr auto all = static_cast<std::uint32_t>(rflags::arithmetic);
    insn.flags_read = f.tested & all;
    insn.flags_undefined = f.undefined & all;
    insn.flags_killed = (f.modified | f.set_0 | f.set_1 | f.undefined) & all;
    // AF after a logical operation: undefined by the SDM, zero on every CPU of either vendor.
    if (z.meta.category == ZYDIS_CATEGORY_LOGICAL) insn.flags_undefined = 0;
    // Zydis has AF as undefined; the SDM has it set by the result.
    if (z.mnemonic == ZYDIS_MNEMONIC_SBB) insn.flags_undefined = 0;
    if (is_bit_test(z.mnemonic)) {
        // Undefined by the SDM but for CF and ZF; left alone by every CPU of either vendor.
        insn.flags_undefined = 0;
        insn.flags_killed = rflags::cf;
    }
    if (is_shift_or_rotate(z.mnemonic)) note_shift_flags(z, insn);
    // No iteration, no flags.
    if (insn.rep || insn.repne) insn.flags_killed = 0;
    // The tables have SYSCALL change the flags (by IA32_FMASK), but it hands them on in R11 first.
    if (z.mnemonic == ZYDIS_MNEMONIC_SYSCALL) {
        insn.flags_read = all;
        insn.flags_killed = 0;
    }
}

void note_register(const ZydisDecodedOperand& operand, Insn& insn) {
    RegisterField field = general_register(operand.reg.value);
    if (!field.used()) return;
    field.write = (operand.actions & ZYDIS_OPERAND_ACTION_MASK_WRITE) != 0;
    // What is not certainly written keeps its value: as good as read. The tables have BSF and BSR
    // always write, which CPUs do not where the source is 0.
    const bool is_scan = insn.mnemonic == ZYDIS_MNEMONIC_BSF || insn.mnemonic == ZYDIS_MNEMONIC_BSR;
    field.read =
        (is_scan && field.write) ||
        (operand.actions & (ZYDIS_OPERAND_ACTION_MASK_READ | ZYDIS_OPERAND_ACTION_CONDWRITE)) != 0;
    insn.registers = static_cast<std::uint16_t>(insn.registers | (1u << field.number));
    if (field.write) {
        insn.registers_written =
            static_cast<std::uint16_t>(insn.registers_written | (1u << field.number));
    }
    // An implied AH (DIV, LAHF) goes with any prefix.
    if (field.high_byte && operand.visibility == ZYDIS_OPERAND_VISIBILITY_EXPLICIT) {
        insn.high_byte = true;
    }
    switch (operand.encoding) {
        case ZYDIS_OPERAND_ENCODING_MODRM_REG:
            insn.reg = field;
            break;
        case ZYDIS_OPERAND_ENCODING_MODRM_RM:
            insn.rm = field;
            break;
        case ZYDIS_OPERAND_ENCODING_NDSNDD:
            insn.vvvv = field;
            break;
        case ZYDIS_OPERAND_ENCODING_OPCODE:
            insn.opcode = field;
            break;
        default:
            if (field.number == static_cast<int>(Gpr::rcx)) {
                insn.implicit_rcx = true;
                insn.implicit_rcx_written = insn.implicit_rcx_written || field.write;
            }
            break;
    }
}

void note_memory(const ZydisDecodedInstruction& z, const ZydisDecodedOperand& operand, Insn& insn) {
    auto& m = insn.memory;
    insn.has_memory = true;
    m.read = (operand.actions & ZYDIS_OPERAND_ACTION_MASK_READ) != 0;
    m.write = (operand.actions & ZYDIS_OPERAND_ACTION_MASK_WRITE) != 0;
    m.size = static_cast<std::uint16_t>(operand.size / 8);
    m.address32 = z.address_width == 32;
    m.displacement = operand.mem.disp.has_displacement ? operand.mem.disp.value : 0;
    m.fs = operand.mem.segment == ZYDIS_REGISTER_FS;
    m.gs = operand.mem.segment == ZYDIS_REGISTER_GS;
    if (operand.mem.base == ZYDIS_REGISTER_RIP || operand.mem.base == ZYDIS_REGISTER_EIP) {
        m.rip_relative = true;
    } else {
        m.base = general_register(operand.mem.base).number;
    }
    m.index = general_register(operand.mem.index).number;
    m.scale = m.index == no_register ? 1 : operand.mem.scale;
}

void note_operands(const ZydisDecodedInstruction& z, std::span<const ZydisDecodedOperand> operands,
                   Insn& insn) {
    for (const auto& operand : operands) {
        if (operand.type == ZYDIS_OPERAND_TYPE_REGISTER) {
            if (is_vector(operand.reg.value)) insn.fpu = true;
            note_register(operand, insn);
        } else if (operand.type == ZYDIS_OPERAND_TYPE_MEMORY &&
                   operand.visibility != ZYDIS_OPERAND_VISIBILITY_HIDDEN) {
            note_memory(z, operand, insn);
        } else if (operand.type == ZYDIS_OPERAND_TYPE_IMMEDIATE) {
            if (insn.immediate == 0) insn.immediate = operand.imm.value.s;
        }
    }
}

/// BT, BTS, BTR, BTC with a register offset address memory outside of their operand.
bool is_bit_string(const ZydisDecodedInstruction& z, const Insn& insn) {
    return is_bit_test(z.mnemonic) && insn.has_memory && insn.reg.used();
}

/// REP MOVS and REP STOS at plain addresses.
bool is_repeated_move(const ZydisDecodedInstruction& z) {
    constexpr auto segments = ZYDIS_ATTRIB_HAS_SEGMENT_FS | ZYDIS_ATTRIB_HAS_SEGMENT_GS;
    if (z.meta.category != ZYDIS_CATEGORY_STRINGOP || z.address_width != 64) return false;
    if ((z.attributes & ZYDIS_ATTRIB_HAS_REP) == 0 || (z.attributes & segments) != 0) return false;
    switch (z.mnemonic) {
        case ZYDIS_MNEMONIC_MOVSB:
        case ZYDIS_MNEMONIC_MOVSW:
        case ZYDIS_MNEMONIC_MOVSD:
        case ZYDIS_MNEMONIC_MOVSQ:
        case ZYDIS_MNEMONIC_STOSB:
        case ZYDIS_MNEMONIC_STOSW:
        case ZYDIS_MNEMONIC_STOSD:
        case ZYDIS_MNEMONIC_STOSQ:
            return true;
        default:
            return false;
    }
}

void decode_into(const ZydisDecodedInstruction& z, std::span<const ZydisDecodedOperand> operands,
                 Insn& insn) {
    insn.form = form_of(z);
    insn.mnemonic = static_cast<std::uint16_t>(z.mnemonic);
    insn.operand_size = static_cast<std::uint8_t>(z.operand_width / 8);
    insn.lock = (z.attributes & ZYDIS_ATTRIB_HAS_LOCK) != 0;
    insn.rep = (z.attributes & (ZYDIS_ATTRIB_HAS_REP | ZYDIS_ATTRIB_HAS_REPE)) != 0;
    insn.repne = (z.attributes & ZYDIS_ATTRIB_HAS_REPNE) != 0;
    insn.vex = z.encoding == ZYDIS_INSTRUCTION_ENCODING_VEX;
    note_operands(z, operands, insn);
    // CVTSD2SI and kin with a memory operand name no vector register, but MXCSR rules them.
    const bool vector_conversion = z.meta.category == ZYDIS_CATEGORY_CONVERT &&
                                   z.meta.isa_ext != ZYDIS_ISA_EXT_BASE &&
                                   z.meta.isa_ext != ZYDIS_ISA_EXT_LONGMODE;
    insn.fpu = insn.fpu || vector_conversion || z.meta.isa_ext == ZYDIS_ISA_EXT_X87 ||
               z.mnemonic == ZYDIS_MNEMONIC_EMMS || z.mnemonic == ZYDIS_MNEMONIC_VZEROUPPER ||
               z.mnemonic == ZYDIS_MNEMONIC_VZEROALL;
    note_flags(z, insn);
    insn.condition = z.opcode & 15;
    const auto& raw = z.raw;
    insn.modrm_offset = (z.attributes & ZYDIS_ATTRIB_HAS_MODRM) != 0 ? raw.modrm.offset : 0;
    if (insn.modrm_offset != 0) {
        insn.tail_offset = static_cast<std::uint8_t>(insn.modrm_offset + 1);
        if ((z.attributes & ZYDIS_ATTRIB_HAS_SIB) != 0) {
            insn.tail_offset = static_cast<std::uint8_t>(raw.sib.offset + 1);
        }
        if (raw.disp.size != 0) {
            insn.tail_offset = static_cast<std::uint8_t>(raw.disp.offset + raw.disp.size / 8);
        }
    }
    if (insn.form == Form::plain && is_bit_string(z, insn)) {
        insn.form = insn.operand_size == 2 ? Form::emulated : Form::bit_string;
    }
    if (insn.form == Form::emulated && is_repeated_move(z)) insn.form = Form::rep_string;
    // The address of a far pointer or of an MXCSR-sized operand is ordinary; others need care.
    if (z.mnemonic == ZYDIS_MNEMONIC_MOV && insn.form == Form::plain) {
        for (const auto& operand : operands) {
            if (operand.type != ZYDIS_OPERAND_TYPE_REGISTER) continue;
            const auto c = ZydisRegisterGetClass(operand.reg.value);
            if (c == ZYDIS_REGCLASS_SEGMENT || c == ZYDIS_REGCLASS_CONTROL ||
                c == ZYDIS_REGCLASS_DEBUG || c == ZYDIS_REGCLASS_TEST) {
                const bool reads_segment = z.opcode == 0x8c && insn.rm.used();
                insn.form = reads_segment ? Form::read_segment : Form::emulated;
            }
        }
    }
    if (insn.form == Form::push || insn.form == Form::pop) {
        for (const auto& operand : operands) {
            if (operand.type == ZYDIS_OPERAND_TYPE_REGISTER &&
                ZydisRegisterGetClass(operand.reg.value) == ZYDIS_REGCLASS_SEGMENT) {
                insn.form = Form::emulated;
            }
        }
    }
    // SYSCALL saves the flags before it changes them, and others may: what C++ does reads them all.
    if (insn.form == Form::emulated)
        insn.flags_read = static_cast<std::uint32_t>(rflags::arithmetic);
}

/// How the immediate is encoded, and whether others of this shape may be derived.
ImmediateEncoding immediate_of(const ZydisDecodedInstruction& z) {
    ImmediateEncoding out;
    const auto& imm = z.raw.imm;
    out.size = static_cast<std::uint8_t>(imm[0].size / 8);
    out.is_signed = imm[0].is_signed != 0;
    const bool has_modrm = (z.attributes & ZYDIS_ATTRIB_HAS_MODRM) != 0;
    const bool is_absolute = !has_modrm && z.raw.disp.size != 0;
    out.is_whole_difference = z.encoding == ZYDIS_INSTRUCTION_ENCODING_LEGACY && imm[1].size == 0 &&
                              !is_absolute && z.mnemonic != ZYDIS_MNEMONIC_PAUSE &&
                              // The count says which flags change.
                              !(is_shift_or_rotate(z.mnemonic) && imm[0].size != 0);
    return out;
}

/// Where the opcode starts: behind legacy prefixes and REX (or at the VEX prefix).
std::uint8_t opcode_start(const Insn& insn) {
    std::uint8_t at = 0;
    while (at < insn.length) {
        const auto b = insn.bytes[at];
        const bool legacy = b == 0x66 || b == 0x67 || b == 0xf0 || b == 0xf2 || b == 0xf3 ||
                            b == 0x2e || b == 0x36 || b == 0x3e || b == 0x26 || b == 0x64 ||
                            b == 0x65;
        if (!legacy && (b & 0xf0) != 0x40) break;
        ++at;
    }
    return at;
}

}  // namespace

void note_address_registers(Insn& insn) {
    for (const auto r : {insn.memory.base, insn.memory.index}) {
        if (r != no_register)
            insn.registers = static_cast<std::uint16_t>(insn.registers | (1u << r));
    }
}

bool decode_all_but_address(std::span<const std::uint8_t> bytes, IsaLevel level, Insn& insn,
                            ImmediateEncoding& immediate) {
    static const ZydisDecoder decoders[] = {make_decoder(IsaLevel::x86_64_v2),
                                            make_decoder(IsaLevel::x86_64_v3)};
    const auto& decoder = decoders[static_cast<std::size_t>(level)];
    ZydisDecodedInstruction z;
    ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
    insn = Insn{};
    immediate = ImmediateEncoding{};
    const auto limit = std::min<std::size_t>(bytes.size(), ZYDIS_MAX_INSTRUCTION_LENGTH);
    const ZyanStatus status = ZydisDecoderDecodeFull(&decoder, bytes.data(), limit, &z, operands);
    if (status == ZYDIS_STATUS_NO_MORE_DATA && limit < ZYDIS_MAX_INSTRUCTION_LENGTH) return false;
    if (!ZYAN_SUCCESS(status)) {
        insn.form = Form::undefined;
        insn.length = 1;
        insn.bytes[0] = bytes[0];
        return true;
    }
    insn.length = z.length;
    std::memcpy(insn.bytes.data(), bytes.data(), z.length);
    insn.opcode_offset = opcode_start(insn);
    if (!in_model(z, level)) {
        insn.form = Form::undefined;
        return true;
    }
    if (z.mnemonic == ZYDIS_MNEMONIC_PAUSE && (z.raw.rex.B & 1) != 0) {
        // F3 41 90 is XCHG R8, RAX, and the prefix is ignored like this one.
        std::array<std::uint8_t, ZYDIS_MAX_INSTRUCTION_LENGTH> exchange{};
        std::copy_n(bytes.begin(), insn.length, exchange.begin());
        std::replace(exchange.begin(), exchange.begin() + insn.length, 0xf3, 0x3e);
        const bool is_complete =
            decode_all_but_address({exchange.data(), insn.length}, level, insn, immediate);
        // Its bytes are not those of the shape that was asked for.
        immediate = {};
        return is_complete;
    }
    decode_into(z, {operands, z.operand_count}, insn);
    immediate = immediate_of(z);
    return true;
}

bool decode(std::span<const std::uint8_t> bytes, IsaLevel level, Insn& insn) {
    ImmediateEncoding immediate;
    const bool is_complete = decode_all_but_address(bytes, level, insn, immediate);
    note_address_registers(insn);
    return is_complete;
}

std::string disassemble(const Insn& insn, Vaddr rip) {
    ZydisDisassembledInstruction text;
    if (!ZYAN_SUCCESS(ZydisDisassembleIntel(ZYDIS_MACHINE_MODE_LONG_64, rip.raw, insn.bytes.data(),
                                            insn.length, &text))) {
        return "(invalid)";
    }
    return text.text;
}

}  // namespace ring3
