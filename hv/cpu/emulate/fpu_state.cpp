// SPDX-License-Identifier: MIT
// FXSAVE, XSAVE, FNSTENV and kin. The host would store the address of the last x87 instruction,
// which is translated code: guests see zero for FIP, FDP and FOP instead, always.
#include <Zydis/Mnemonic.h>
#include <xmmintrin.h>

#include <array>

#include "hv/cpu/emulate/emulate.hpp"

namespace ring3 {
namespace {

// The legacy region of the XSAVE area (SDM vol. 1, table 13-1).
constexpr std::size_t legacy_size = 512, header_at = 512, header_size = 64, avx_at = 576,
                      avx_size = 256;
constexpr std::size_t fop_at = 6, fip_at = 8, mxcsr_at = 24, mxcsr_mask_at = 28, x87_at = 32,
                      xmm_at = 160, xmm_end = 416, software_at = 464;
constexpr std::uint32_t mxcsr_mask = 0xffff;
constexpr std::uint64_t x87_component = 1, sse_component = 2, avx_component = 4;

using LegacyImage = std::array<std::byte, legacy_size>;

void forget_last_instruction(std::byte* legacy) {
    std::memset(legacy + fop_at, 0, mxcsr_at - fop_at);
}

void put_mxcsr_mask(std::byte* legacy) {
    std::memcpy(legacy + mxcsr_mask_at, &mxcsr_mask, sizeof mxcsr_mask);
}

bool mxcsr_is_valid(const std::byte* legacy) {
    std::uint32_t mxcsr = 0;
    std::memcpy(&mxcsr, legacy + mxcsr_at, sizeof mxcsr);
    return (mxcsr & ~mxcsr_mask) == 0;
}

/// The protected-mode environments of FNSTENV (SDM vol. 1, figures 8-9 and 8-11), and what FNSAVE
/// puts behind them.
struct Environment32 {
    static constexpr std::size_t size = 28, pointers_at = 12, registers = 80;
};
struct Environment16 {
    static constexpr std::size_t size = 14, pointers_at = 6;
};

struct alignas(16) HostImages {
    LegacyImage legacy;
    std::array<std::byte, Environment32::size + Environment32::registers> environment;
};

/// Runs one x87 state instruction of the host's on the guest's state, and gives the host its own
/// back.
template <class Body>
void on_host_fpu(EmulationContext& c, HostImages& images, Body body) {
    std::memcpy(images.legacy.data(), c.state.xsave.data(), legacy_size);
    const std::uint32_t host_mxcsr = _mm_getcsr();
    body();
    asm volatile("fninit" ::: "memory");
    _mm_setcsr(host_mxcsr);
    std::memcpy(c.state.xsave.data(), images.legacy.data(), xmm_at);
    forget_last_instruction(c.state.xsave.data());
}

#define RING3_ON_GUEST_X87(insn)                                                                   \
    asm volatile("fxrstor64 %0\n\t" insn " %1\n\tfxsave64 %0"                                      \
                 : "+m"(images.legacy), "+m"(images.environment)                                   \
                 :                                                                                 \
                 : "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", \
                   "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15", "memory")

/// A loaded image as the CPU would save it again: reserved bits of FCW, and ES and B of FSW, follow
/// from the others.
void normalise_x87(EmulationContext& c) {
    HostImages images{};
    on_host_fpu(c, images, [&] { RING3_ON_GUEST_X87("# saved as it was loaded:"); });
}

Emulated fxsave(const Insn& insn, EmulationContext& c) {
    const Vaddr at = effective_address(insn, c.state);
    if ((at.raw & 15) != 0) return general_protection();
    LegacyImage image;
    std::memcpy(image.data(), c.state.xsave.data(), image.size());
    forget_last_instruction(image.data());
    put_mxcsr_mask(image.data());
    // The last 48 bytes are software's own, and those before them are reserved and stay.
    if (!c.memory.write(at, std::span<const std::byte>(image).first(xmm_end)))
        return memory_fault(c);
    return retire(insn, c);
}

Emulated fxrstor(const Insn& insn, EmulationContext& c) {
    const Vaddr at = effective_address(insn, c.state);
    if ((at.raw & 15) != 0) return general_protection();
    LegacyImage image;
    if (!c.memory.read(at, image)) return memory_fault(c);
    if (!mxcsr_is_valid(image.data())) return general_protection();
    forget_last_instruction(image.data());
    put_mxcsr_mask(image.data());
    std::memcpy(c.state.xsave.data(), image.data(), xmm_end);
    normalise_x87(c);
    return retire(insn, c);
}

std::uint64_t requested_components(const CpuState& state) {
    return (state.reg(Gpr::rdx) << 32 | (state.reg(Gpr::rax) & 0xffff'ffff)) & state.xcr0;
}

Emulated xsave(const Insn& insn, EmulationContext& c) {
    const Vaddr at = effective_address(insn, c.state);
    if ((at.raw & 63) != 0) return general_protection();
    const std::uint64_t components = requested_components(c.state);
    const std::size_t size = (components & avx_component) != 0 ? avx_at + avx_size : avx_at;
    std::array<std::byte, avx_at + avx_size> image{};
    const auto bytes = std::span<std::byte>(image).first(size);
    if (!c.memory.read(at, bytes)) return memory_fault(c);
    const std::byte* from = c.state.xsave.data();
    if ((components & x87_component) != 0) {
        std::memcpy(image.data(), from, mxcsr_at);
        forget_last_instruction(image.data());
        std::memcpy(image.data() + x87_at, from + x87_at, xmm_at - x87_at);
    }
    if ((components & (sse_component | avx_component)) != 0) {
        std::memcpy(image.data() + mxcsr_at, from + mxcsr_at, 4);
        put_mxcsr_mask(image.data());
    }
    if ((components & sse_component) != 0) {
        std::memcpy(image.data() + xmm_at, from + xmm_at, xmm_end - xmm_at);
    }
    if ((components & avx_component) != 0) {
        std::memcpy(image.data() + avx_at, from + avx_at, avx_size);
    }
    // Whether a component is in its initial state is not tracked: all are said to be in use.
    std::uint64_t in_use = 0;
    std::memcpy(&in_use, image.data() + header_at, sizeof in_use);
    in_use |= components;
    std::memcpy(image.data() + header_at, &in_use, sizeof in_use);
    if (!c.memory.write(at, bytes)) return memory_fault(c);
    return retire(insn, c);
}

Emulated xrstor(const Insn& insn, EmulationContext& c) {
    const Vaddr at = effective_address(insn, c.state);
    if ((at.raw & 63) != 0) return general_protection();
    std::array<std::byte, avx_at + avx_size> image{};
    if (!c.memory.read(at, std::span<std::byte>(image).first(avx_at))) return memory_fault(c);
    std::array<std::uint64_t, 3> header{};  // XSTATE_BV, XCOMP_BV, reserved
    std::memcpy(header.data(), image.data() + header_at, sizeof header);
    if ((header[0] & ~c.state.xcr0) != 0 || header[1] != 0 || header[2] != 0) {
        return general_protection();
    }
    const std::uint64_t components = requested_components(c.state);
    const std::uint64_t present = components & header[0];
    if ((present & avx_component) != 0 &&
        !c.memory.read(at + avx_at, std::span<std::byte>(image).subspan(avx_at))) {
        return memory_fault(c);
    }
    const bool mxcsr_loaded = (components & (sse_component | avx_component)) != 0;
    if (mxcsr_loaded && !mxcsr_is_valid(image.data())) return general_protection();
    CpuState initial;
    reset_fpu(initial);
    std::byte* to = c.state.xsave.data();
    const auto restore = [&](std::uint64_t component, std::size_t begin, std::size_t end) {
        if ((components & component) == 0) return;
        const std::byte* from = (present & component) != 0 ? image.data() : initial.xsave.data();
        std::memcpy(to + begin, from + begin, end - begin);
    };
    restore(x87_component, 0, mxcsr_at);
    restore(x87_component, x87_at, xmm_at);
    restore(sse_component, xmm_at, xmm_end);
    restore(avx_component, avx_at, avx_at + avx_size);
    if (mxcsr_loaded) std::memcpy(to + mxcsr_at, image.data() + mxcsr_at, 4);
    normalise_x87(c);
    return retire(insn, c);
}

std::size_t environment_size(const Insn& insn, bool with_registers) {
    const std::size_t size = insn.operand_size == 2 ? Environment16::size : Environment32::size;
    return size + (with_registers ? Environment32::registers : 0);
}

/// Where the host's own instruction stands is nobody's business: FIP, FCS, FOP, FDP and FDS are 0.
/// The last field's upper half is reserved, and stored as ones.
void forget_pointers(const Insn& insn, std::byte* environment) {
    if (insn.operand_size == 2) {
        std::memset(environment + Environment16::pointers_at, 0,
                    Environment16::size - Environment16::pointers_at);
        return;
    }
    std::memset(environment + Environment32::pointers_at, 0,
                Environment32::size - Environment32::pointers_at);
    std::memset(environment + Environment32::size - 2, 0xff, 2);
}

Emulated store_environment(const Insn& insn, EmulationContext& c, bool with_registers) {
    HostImages images{};
    const auto before = c.state.xsave;
    const bool narrow = insn.operand_size == 2;
    on_host_fpu(c, images, [&] {
        if (with_registers && narrow) {
            RING3_ON_GUEST_X87("data16 fnsave");
        } else if (with_registers) {
            RING3_ON_GUEST_X87("fnsave");
        } else if (narrow) {
            RING3_ON_GUEST_X87("data16 fnstenv");
        } else {
            RING3_ON_GUEST_X87("fnstenv");
        }
    });
    forget_pointers(insn, images.environment.data());
    const auto size = environment_size(insn, with_registers);
    if (!c.memory.write(effective_address(insn, c.state),
                        std::span<const std::byte>(images.environment).first(size))) {
        c.state.xsave = before;
        return memory_fault(c);
    }
    return retire(insn, c);
}

Emulated load_environment(const Insn& insn, EmulationContext& c, bool with_registers) {
    HostImages images{};
    const auto size = environment_size(insn, with_registers);
    if (!c.memory.read(effective_address(insn, c.state),
                       std::span<std::byte>(images.environment).first(size))) {
        return memory_fault(c);
    }
    const bool narrow = insn.operand_size == 2;
    on_host_fpu(c, images, [&] {
        if (with_registers && narrow) {
            RING3_ON_GUEST_X87("data16 frstor");
        } else if (with_registers) {
            RING3_ON_GUEST_X87("frstor");
        } else if (narrow) {
            RING3_ON_GUEST_X87("data16 fldenv");
        } else {
            RING3_ON_GUEST_X87("fldenv");
        }
    });
    return retire(insn, c);
}

#undef RING3_ON_GUEST_X87

}  // namespace

void reset_fpu(CpuState& state) {
    state.xsave.fill(std::byte{0});
    const std::uint16_t control = 0x37f;
    const std::uint32_t mxcsr = 0x1f80;
    std::memcpy(state.xsave.data(), &control, sizeof control);
    std::memcpy(state.xsave.data() + mxcsr_at, &mxcsr, sizeof mxcsr);
    make_fpu_image_canonical(state);
}

void make_fpu_image_canonical(CpuState& state) {
    forget_last_instruction(state.xsave.data());
    put_mxcsr_mask(state.xsave.data());
    const std::uint64_t in_use = x87_component | sse_component | avx_component;
    std::memcpy(state.xsave.data() + header_at, &in_use, sizeof in_use);
}

std::optional<Emulated> emulate_fpu_state(const Insn& insn, EmulationContext& c) {
    const auto m = insn.mnemonic;
    const bool extended = m == ZYDIS_MNEMONIC_XSAVE || m == ZYDIS_MNEMONIC_XSAVE64 ||
                          m == ZYDIS_MNEMONIC_XRSTOR || m == ZYDIS_MNEMONIC_XRSTOR64;
    const bool legacy = m == ZYDIS_MNEMONIC_FXSAVE || m == ZYDIS_MNEMONIC_FXSAVE64 ||
                        m == ZYDIS_MNEMONIC_FXRSTOR || m == ZYDIS_MNEMONIC_FXRSTOR64;
    const bool environment = m == ZYDIS_MNEMONIC_FNSTENV || m == ZYDIS_MNEMONIC_FNSAVE ||
                             m == ZYDIS_MNEMONIC_FLDENV || m == ZYDIS_MNEMONIC_FRSTOR;
    if (!extended && !legacy && !environment) return {};
    if (extended && (c.state.cr4 >> 18 & 1) == 0) return fault_exception(6);
    if ((c.state.cr0 & cr0::ts) != 0) return fault_exception(7);
    switch (m) {
        case ZYDIS_MNEMONIC_FXSAVE:
        case ZYDIS_MNEMONIC_FXSAVE64:
            return fxsave(insn, c);
        case ZYDIS_MNEMONIC_FXRSTOR:
        case ZYDIS_MNEMONIC_FXRSTOR64:
            return fxrstor(insn, c);
        case ZYDIS_MNEMONIC_XSAVE:
        case ZYDIS_MNEMONIC_XSAVE64:
            return xsave(insn, c);
        case ZYDIS_MNEMONIC_XRSTOR:
        case ZYDIS_MNEMONIC_XRSTOR64:
            return xrstor(insn, c);
        case ZYDIS_MNEMONIC_FNSTENV:
            return store_environment(insn, c, false);
        case ZYDIS_MNEMONIC_FNSAVE:
            return store_environment(insn, c, true);
        case ZYDIS_MNEMONIC_FLDENV:
            return load_environment(insn, c, false);
        default:
            return load_environment(insn, c, true);
    }
}

}  // namespace ring3
