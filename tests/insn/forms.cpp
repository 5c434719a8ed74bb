// SPDX-License-Identifier: MIT
#include "tests/insn/forms.hpp"

#include <array>
#include <set>
#include <tuple>

namespace ring3::test {
namespace {

using Bytes = std::vector<std::uint8_t>;

bool is_prefix_or_escape(std::uint8_t opcode) {
    switch (opcode) {
        case 0x0f:
        case 0x26:
        case 0x2e:
        case 0x36:
        case 0x3e:
        case 0x62:
        case 0x64:
        case 0x65:
        case 0x66:
        case 0x67:
        case 0xc4:
        case 0xc5:
        case 0xf0:
        case 0xf2:
        case 0xf3:
            return true;
        default:
            return (opcode & 0xf0) == 0x40;
    }
}

Bytes probe(const InsnForm& form, std::uint8_t modrm, std::uint8_t vvvv) {
    Bytes bytes;
    if (form.vex) {
        const unsigned pp = form.prefix == 0x66   ? 1
                            : form.prefix == 0xf3 ? 2
                            : form.prefix == 0xf2 ? 3
                                                  : 0;
        bytes = {0xc4, static_cast<std::uint8_t>(0xe0 | static_cast<unsigned>(form.map)),
                 static_cast<std::uint8_t>((form.wide ? 0x80u : 0u) | (vvvv ^ 15u) << 3 |
                                           (form.vex_256 ? 4u : 0u) | pp)};
    } else {
        if (form.lock) bytes.push_back(0xf0);
        if (form.prefix != 0) bytes.push_back(form.prefix);
        if (form.wide) bytes.push_back(0x48);
        if (form.map != OpcodeMap::one_byte) bytes.push_back(0x0f);
        if (form.map == OpcodeMap::map_0f38) bytes.push_back(0x38);
        if (form.map == OpcodeMap::map_0f3a) bytes.push_back(0x3a);
    }
    bytes.push_back(form.opcode);
    bytes.push_back(modrm);
    bytes.resize(16, 0x11);
    return bytes;
}

class Enumeration {
public:
    explicit Enumeration(IsaLevel level) : level_(level) {}

    std::vector<InsnForm> all() {
        for (const auto map :
             {OpcodeMap::one_byte, OpcodeMap::map_0f, OpcodeMap::map_0f38, OpcodeMap::map_0f3a}) {
            for (unsigned opcode = 0; opcode < 256; ++opcode) {
                if (map == OpcodeMap::one_byte &&
                    is_prefix_or_escape(static_cast<std::uint8_t>(opcode)))
                    continue;
                if (map == OpcodeMap::map_0f && (opcode == 0x38 || opcode == 0x3a)) continue;
                InsnForm form;
                form.map = map;
                form.opcode = static_cast<std::uint8_t>(opcode);
                with_prefixes(form);
                if (map == OpcodeMap::one_byte || level_ == IsaLevel::x86_64_v2) continue;
                form.vex = true;
                with_prefixes(form);
                form.vex_256 = true;
                with_prefixes(form);
            }
        }
        return std::move(forms_);
    }

private:
    /// Mnemonic of the probe, 0 where it is not admitted.
    std::uint16_t try_decode(const InsnForm& form, std::uint8_t modrm, std::uint8_t vvvv,
                             Insn& insn) const {
        if (!decode(probe(form, modrm, vvvv), level_, insn)) return 0;
        return insn.form == Form::undefined ? 0 : insn.mnemonic;
    }

    void with_prefixes(InsnForm form) {
        for (const unsigned prefix : {0x00u, 0x66u, 0xf2u, 0xf3u}) {
            for (const bool wide : {false, true}) {
                form.prefix = static_cast<std::uint8_t>(prefix);
                form.wide = wide;
                form.lock = false;
                with_modrm(form);
                form.lock = !form.vex;
                if (form.lock) with_modrm(form);
            }
        }
    }

    void with_modrm(InsnForm form) {
        Insn insn;
        std::array<std::uint16_t, 256> mnemonics{};
        bool modrm = false, any = false;
        for (unsigned m = 0; m < 256; ++m) {
            if (m == 0x40) m = 0xc0;  // the other two modes only add a displacement
            const auto byte = static_cast<std::uint8_t>(m);
            mnemonics[m] = try_decode(form, byte, 0, insn);
            form.vvvv = false;
            if (mnemonics[m] == 0 && form.vex) mnemonics[m] = try_decode(form, byte, 1, insn);
            any = any || mnemonics[m] != 0;
            modrm = modrm || (mnemonics[m] != 0 && insn.modrm_offset != 0);
            if (m == 0 && any && !modrm) break;  // the opcode has no ModRM
        }
        if (!any) return;
        form.modrm = modrm;
        if (!modrm) {
            keep(form, 0);
            return;
        }
        for (const bool memory : {false, true}) {
            form.memory = memory;
            const unsigned mode = memory ? 0x00 : 0xc0;
            const auto at = [&](unsigned reg, unsigned rm) {
                return mnemonics[mode | reg << 3 | rm];
            };
            // With a SIB byte every memory operand can be had, those of gathers too.
            const unsigned any_rm = memory ? 4 : 0;
            bool group = false;
            for (unsigned reg = 1; reg < 8; ++reg)
                group = group || at(reg, any_rm) != at(0, any_rm);
            for (unsigned reg = 0; reg < (group ? 8u : 1u); ++reg) {
                form.reg = group ? static_cast<int>(reg) : -1;
                bool by_rm = false;
                for (unsigned rm = 1; rm < 8 && !memory; ++rm)
                    by_rm = by_rm || at(reg, rm) != at(reg, 0);
                for (unsigned rm = any_rm; rm < (by_rm ? 8u : any_rm + 1); ++rm) {
                    form.rm = by_rm ? static_cast<int>(rm) : -1;
                    if (at(reg, rm) != 0) keep(form, mode | reg << 3 | rm);
                }
            }
        }
    }

    void keep(InsnForm form, unsigned modrm) {
        Insn insn, with_vvvv;
        const auto byte = static_cast<std::uint8_t>(modrm);
        if (form.vex) {
            form.vvvv = try_decode(form, byte, 1, with_vvvv) != 0;
            if (form.vvvv) insn = with_vvvv;
        }
        if (!form.vvvv && try_decode(form, byte, 0, insn) == 0) return;
        const auto& m = insn.memory;
        const Key key{insn.mnemonic,
                      {static_cast<int>(insn.form), insn.operand_size, insn.has_memory, m.size,
                       m.read, m.write, insn.reg.size, insn.rm.size, insn.vvvv.size,
                       static_cast<int>(form.map), form.opcode, form.reg, form.rm, form.vex,
                       form.vex_256, form.lock, insn.rep, insn.repne, insn.vex && form.wide}};
        if (!seen_.insert(key).second) return;
        form.sample = insn;
        forms_.push_back(form);
    }

    using Key = std::tuple<std::uint16_t, std::array<int, 19>>;

    IsaLevel level_;
    std::set<Key> seen_;
    std::vector<InsnForm> forms_;
};

}  // namespace

std::string mnemonic_name(std::uint16_t mnemonic) {
    const char* const name = ZydisMnemonicGetString(static_cast<ZydisMnemonic>(mnemonic));
    return name == nullptr ? "?" : name;
}

std::vector<InsnForm> admitted_forms(IsaLevel level) { return Enumeration(level).all(); }

bool is_approximation(const Insn& insn) {
    switch (insn.mnemonic) {
        case ZYDIS_MNEMONIC_RCPPS:
        case ZYDIS_MNEMONIC_RCPSS:
        case ZYDIS_MNEMONIC_RSQRTPS:
        case ZYDIS_MNEMONIC_RSQRTSS:
        case ZYDIS_MNEMONIC_VRCPPS:
        case ZYDIS_MNEMONIC_VRCPSS:
        case ZYDIS_MNEMONIC_VRSQRTPS:
        case ZYDIS_MNEMONIC_VRSQRTSS:
        case ZYDIS_MNEMONIC_F2XM1:
        case ZYDIS_MNEMONIC_FYL2X:
        case ZYDIS_MNEMONIC_FYL2XP1:
        case ZYDIS_MNEMONIC_FPTAN:
        case ZYDIS_MNEMONIC_FPATAN:
        case ZYDIS_MNEMONIC_FSIN:
        case ZYDIS_MNEMONIC_FCOS:
        case ZYDIS_MNEMONIC_FSINCOS:
            return true;
        default:
            return false;
    }
}

bool is_comparable(const Insn& insn) {
    if (is_approximation(insn)) return false;
    // 0F 0D with a register: a NOP for Intel, #UD for AMD.
    if (insn.form == Form::nop && !insn.has_memory && insn.modrm_offset != 0 &&
        insn.bytes[insn.modrm_offset - 1u] == 0x0d) {
        return false;
    }
    // With 16 bits it reads two bytes for Intel, four for AMD.
    if (insn.mnemonic == ZYDIS_MNEMONIC_MOVSXD && insn.operand_size == 2) return false;
    // Guests have selectors of their own.
    if (insn.form == Form::read_segment) return false;
    if (insn.form != Form::emulated)
        return insn.form != Form::undefined && insn.form != Form::not_built;
    switch (insn.mnemonic) {
        case ZYDIS_MNEMONIC_PUSHF:
        case ZYDIS_MNEMONIC_PUSHFQ:
        case ZYDIS_MNEMONIC_POPF:
        case ZYDIS_MNEMONIC_POPFQ:
        case ZYDIS_MNEMONIC_ENTER:
        case ZYDIS_MNEMONIC_XLAT:
        case ZYDIS_MNEMONIC_BT:
        case ZYDIS_MNEMONIC_BTS:
        case ZYDIS_MNEMONIC_BTR:
        case ZYDIS_MNEMONIC_BTC:
        case ZYDIS_MNEMONIC_MASKMOVQ:
        case ZYDIS_MNEMONIC_MASKMOVDQU:
        case ZYDIS_MNEMONIC_VMASKMOVDQU:
        case ZYDIS_MNEMONIC_VMASKMOVPS:
        case ZYDIS_MNEMONIC_VMASKMOVPD:
        case ZYDIS_MNEMONIC_VPMASKMOVD:
        case ZYDIS_MNEMONIC_VPMASKMOVQ:
        case ZYDIS_MNEMONIC_VGATHERDPS:
        case ZYDIS_MNEMONIC_VGATHERDPD:
        case ZYDIS_MNEMONIC_VGATHERQPS:
        case ZYDIS_MNEMONIC_VGATHERQPD:
        case ZYDIS_MNEMONIC_VPGATHERDD:
        case ZYDIS_MNEMONIC_VPGATHERDQ:
        case ZYDIS_MNEMONIC_VPGATHERQD:
        case ZYDIS_MNEMONIC_VPGATHERQQ:
        case ZYDIS_MNEMONIC_CLFLUSH:
        case ZYDIS_MNEMONIC_FXSAVE:
        case ZYDIS_MNEMONIC_FXSAVE64:
        case ZYDIS_MNEMONIC_FXRSTOR:
        case ZYDIS_MNEMONIC_FXRSTOR64:
        case ZYDIS_MNEMONIC_FNSTENV:
        case ZYDIS_MNEMONIC_FLDENV:
        case ZYDIS_MNEMONIC_FNSAVE:
        case ZYDIS_MNEMONIC_FRSTOR:
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
            return true;
        default:
            return false;
    }
}

}  // namespace ring3::test
