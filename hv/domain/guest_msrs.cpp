// SPDX-License-Identifier: MIT
// MSRs as an unprivileged PV guest finds them: the segment bases are real, a few have a fixed
// value, every other one is #GP. For the guest kernel alone.
#include "hv/abi/xen.hpp"
#include "hv/domain/builder/hypercall_page.hpp"
#include "hv/domain/domain.hpp"
#include "hv/domain/guest_environment.hpp"

namespace ring3 {

namespace {

namespace msr {
constexpr std::uint32_t tsc = 0x10, microcode = 0x8b, pat = 0x277, efer = 0xc000'0080,
                        fs_base = 0xc000'0100, gs_base = 0xc000'0101, kernel_gs_base = 0xc000'0102,
                        tsc_aux = 0xc000'0103, hypercall_page = 0x4000'0000,
                        perf_first = 0xc001'0000, perf_last = 0xc001'0007, hwcr = 0xc001'0015,
                        decode_config = 0xc001'1029;
}

/// Xen's own choice of memory types, which its guests live with.
constexpr std::uint64_t xen_pat = 0x0000'0501'0007'0406;
/// SCE, LME, LMA, NXE.
constexpr std::uint64_t guest_efer = 0xd01;

/// Exist on the CPU that the models show (AMD), read as zero, and ignore what is written: hardware
/// configuration and performance counters that count nothing.
bool is_inert(std::uint32_t index) {
    return (index >= msr::perf_first && index <= msr::perf_last) || index == msr::hwcr ||
           index == msr::decode_config;
}

}  // namespace

std::optional<std::uint64_t> GuestEnvironment::read_msr(CpuState& state, std::uint32_t index) {
    if (!state.kernel_mode) return std::nullopt;
    switch (index) {
        case msr::tsc:
            return tsc(state);
        case msr::microcode:
        case msr::hypercall_page:
            return 0;
        case msr::pat:
            return xen_pat;
        case msr::efer:
            return guest_efer;
        case msr::fs_base:
            return state.fs_base;
        case msr::gs_base:
            return state.gs_base;
        case msr::kernel_gs_base:
            return state.gs_base_inactive;
        case msr::tsc_aux:
            return state.tsc_aux;
        default:
            break;
    }
    if (is_inert(index)) return 0;
    // A kernel that reads an MSR before it can handle #GP would die of it: Xen lets it live
    // (arch-x86/xen.h, at set_trap_table).
    constexpr std::uint8_t general_protection = 13;
    if (vcpu_.traps[general_protection].address == 0) return 0;
    return std::nullopt;
}

bool GuestEnvironment::write_msr(CpuState& state, std::uint32_t index, std::uint64_t value) {
    if (!state.kernel_mode) return false;
    switch (index) {
        case msr::fs_base:
            if (!is_canonical(Vaddr{value})) return false;
            state.fs_base = value;
            return true;
        case msr::gs_base:
            if (!is_canonical(Vaddr{value})) return false;
            state.gs_base = value;
            return true;
        case msr::kernel_gs_base:
            if (!is_canonical(Vaddr{value})) return false;
            state.gs_base_inactive = value;
            return true;
        case msr::tsc_aux:
            if (value >> 32 != 0) return false;
            state.tsc_aux = value;
            return true;
        case msr::pat:
            return value == xen_pat;
        case msr::efer:
            return value == guest_efer;
        case msr::hypercall_page:
            return set_hypercall_page(value);
        default:
            return is_inert(index);
    }
}

/// Bits 63..12 name the frame to fill, bits 11..0 the page of hypercalls, of which there is one.
bool GuestEnvironment::set_hypercall_page(std::uint64_t value) {
    const Maddr target{value};
    PageTables& tables = vcpu_.domain().tables();
    if (page_offset(target) != 0 ||
        tables.get_writable_page(vcpu_.domain().id(), mfn_of(target)) != 0) {
        return false;
    }
    vcpu_.domain().frames().write(mfn_of(target), 0, hypercall_page());
    tables.put_writable_page(mfn_of(target));
    return true;
}

}  // namespace ring3
