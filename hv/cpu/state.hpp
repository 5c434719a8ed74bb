// SPDX-License-Identifier: MIT
// The architectural state of one vCPU, as it stands between two guest instructions.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "hv/base/units.hpp"

namespace ring3 {

/// Numbers as in the ModRM encoding.
enum class Gpr : std::uint8_t {
    rax,
    rcx,
    rdx,
    rbx,
    rsp,
    rbp,
    rsi,
    rdi,
    r8,
    r9,
    r10,
    r11,
    r12,
    r13,
    r14,
    r15
};
enum class Segment : std::uint8_t { es, cs, ss, ds, fs, gs };

namespace rflags {
constexpr std::uint64_t cf = 1u << 0, fixed = 1u << 1, pf = 1u << 2, af = 1u << 4, zf = 1u << 6,
                        sf = 1u << 7, tf = 1u << 8, interrupt = 1u << 9, df = 1u << 10,
                        of = 1u << 11, iopl = 3u << 12, nt = 1u << 14, rf = 1u << 16, vm = 1u << 17,
                        ac = 1u << 18, id = 1u << 21;
constexpr std::uint64_t arithmetic = cf | pf | af | zf | sf | of;
}  // namespace rflags

/// The control bits that the CPU itself looks at.
namespace cr0 {
constexpr std::uint64_t ts = 1u << 3;
}

/// Layout is shared with translated code through offsetof, so this is a plain struct.
struct CpuState {
    std::array<std::uint64_t, 16> gpr{};
    std::uint64_t rip = 0;
    /// What the guest would read, except IF: under Xen's PV ABI a guest runs with IF set, and masks
    /// events in its vcpu_info instead.
    std::uint64_t rflags = rflags::fixed | rflags::interrupt;
    std::array<std::uint16_t, 6> selector{};
    std::uint64_t fs_base = 0;
    std::uint64_t gs_base = 0;
    /// The base that is not active: swapped with gs_base at each change of mode.
    std::uint64_t gs_base_inactive = 0;

    /// Guest kernel mode (both modes are ring 3): chooses the root, and what `syscall` means.
    bool kernel_mode = true;
    Mfn kernel_root{};
    /// Root of user mode; zero raw value: none was set.
    Mfn user_root{};
    DomainId domain{};
    VcpuId vcpu{};
    /// vm_assist(writable_pagetables): stores to read-only mapped L1 tables are emulated.
    bool table_write_assist = false;

    std::uint64_t cr0 = 0x8005'0033;
    std::uint64_t cr4 = 0x660;
    std::uint64_t xcr0 = 1;
    std::array<std::uint64_t, 8> dr{0, 0, 0, 0, 0, 0, 0xffff'0ff0, 0x400};
    std::uint64_t tsc_aux = 0;

    /// Instructions retired since the vCPU was made; exact whenever C++ runs.
    std::uint64_t retired = 0;

    /// x87, SSE (and AVX where the CPU model has it) in the standard XSAVE format, SDM vol.
    /// 1, 13.4.
    alignas(64) std::array<std::byte, 1024> xsave{};

    std::uint64_t& reg(Gpr r) { return gpr[static_cast<std::size_t>(r)]; }
    std::uint64_t reg(Gpr r) const { return gpr[static_cast<std::size_t>(r)]; }
    std::uint16_t& sel(Segment s) { return selector[static_cast<std::size_t>(s)]; }
    std::uint16_t sel(Segment s) const { return selector[static_cast<std::size_t>(s)]; }

    Mfn root() const { return kernel_mode ? kernel_root : user_root; }
};

/// Puts x87 and SSE into their state after FNINIT and with MXCSR = 1F80H.
void reset_fpu(CpuState& state);

/// Gives the parts of a saved image that depend on the host one value: the address of the last x87
/// instruction (FIP, FDP, FOP) is zero, MXCSR_MASK is FFFFH, all components count as in use.
void make_fpu_image_canonical(CpuState& state);

}  // namespace ring3
