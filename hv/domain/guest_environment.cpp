// SPDX-License-Identifier: MIT
#include "hv/domain/guest_environment.hpp"

#include <cstring>

#include "hv/abi/cpuid.hpp"
#include "hv/abi/xen.hpp"
#include "hv/domain/debug_registers.hpp"
#include "hv/domain/domain.hpp"

namespace ring3 {

namespace {

/// CR4 bits that a PV guest may change: TSD and DE; OSXSAVE where the model has XSAVE.
constexpr std::uint64_t cr4_tsd = 1u << 2, cr4_de = 1u << 3, cr4_osxsave = 1u << 18;
constexpr std::uint64_t xcr0_x87 = 1, xcr0_sse = 2, xcr0_avx = 4;

constexpr std::uint32_t tsc_khz = 1'000'000;
constexpr std::uint32_t machine_address_bits = 40;

/// The leaves that Xen adds (arch-x86/cpuid.h).
CpuidLeaf xen_leaf(std::uint32_t leaf, std::uint32_t subleaf) {
    constexpr std::uint32_t tsc_is_reliable = 2;
    const vcpu_time_info time = constant_time_info();
    switch (leaf - XEN_CPUID_FIRST_LEAF) {
        case 0:
            return {XEN_CPUID_LEAF(XEN_CPUID_MAX_NUM_LEAVES), XEN_CPUID_SIGNATURE_EBX,
                    XEN_CPUID_SIGNATURE_ECX, XEN_CPUID_SIGNATURE_EDX};
        case 1:
            return {.eax = abi::xen_version};
        case 2:  // one page of hypercalls, by a write to this MSR
            return {.eax = 1, .ebx = 0x4000'0000, .ecx = XEN_CPUID_FEAT1_MMU_PT_UPDATE_PRESERVE_AD};
        case 3:
            if (subleaf == 0) return {.eax = tsc_is_reliable, .ecx = tsc_khz};
            if (subleaf == 1) {
                return {.ecx = time.tsc_to_system_mul,
                        .edx = static_cast<std::uint32_t>(time.tsc_shift)};
            }
            return subleaf == 2 ? CpuidLeaf{.eax = tsc_khz} : CpuidLeaf{};
        case 5:
            return subleaf == 0 ? CpuidLeaf{.ebx = machine_address_bits} : CpuidLeaf{};
        default:
            return {};
    }
}

std::uint64_t all_ones(unsigned size) { return (std::uint64_t{1} << (8 * size)) - 1; }

}  // namespace

CpuidLeaf GuestEnvironment::cpuid(const CpuState& state, std::uint32_t leaf,
                                  std::uint32_t subleaf) {
    constexpr std::uint32_t hypervisor_range_end = 0x4001'0000;
    if (leaf >= XEN_CPUID_FIRST_LEAF && leaf < hypervisor_range_end) return xen_leaf(leaf, subleaf);
    const CpuidContext context{.cr4 = state.cr4,
                               .xcr0 = state.xcr0,
                               .vcpu = vcpu_.id().raw,
                               .vcpus = vcpu_.domain().vcpu_count()};
    return cpuid_of(vcpu_.domain().cpu_model(), context, leaf, subleaf);
}

std::uint64_t GuestEnvironment::tsc(const CpuState&) {
    const Time now = vcpu_.domain().hypervisor().now(vcpu_);
    return static_cast<std::uint64_t>(now.time_since_epoch().count());
}

std::uint64_t GuestEnvironment::random_number() { return vcpu_.random_number(); }

// Control and debug registers: for the guest kernel alone -----------------------------------------

std::optional<std::uint64_t> GuestEnvironment::read_cr(CpuState& state, unsigned n) {
    if (!state.kernel_mode) return std::nullopt;
    switch (n) {
        case 0:
            return state.cr0;
        case 2:
            return vcpu_.info().cr2();
        case 3:
            return xen_pfn_to_cr3(state.kernel_root.raw);
        case 4:
            return state.cr4;
        default:
            return std::nullopt;
    }
}

bool GuestEnvironment::write_cr(CpuState& state, unsigned n, std::uint64_t value) {
    if (!state.kernel_mode) return false;
    switch (n) {
        case 0:  // only TS is the guest's
            if (((value ^ state.cr0) & ~cr0::ts) != 0) return false;
            state.cr0 = value;
            return true;
        case 2:
            vcpu_.info().set_cr2(value);
            return true;
        case 3:
            return vcpu_.set_kernel_root(Mfn{xen_cr3_to_pfn(value)}) == 0;
        case 4: {  // other bits keep their value in silence
            std::uint64_t changeable = cr4_tsd | cr4_de;
            if (vcpu_.domain().cpu_model().has_xsave()) changeable |= cr4_osxsave;
            state.cr4 = (state.cr4 & ~changeable) | (value & changeable);
            return true;
        }
        default:
            return false;
    }
}

std::optional<std::uint64_t> GuestEnvironment::read_dr(CpuState& state, unsigned n) {
    return state.kernel_mode ? debug_register(state, n) : std::nullopt;
}

bool GuestEnvironment::write_dr(CpuState& state, unsigned n, std::uint64_t value) {
    return state.kernel_mode && set_debug_register(state, n, value) == 0;
}

bool GuestEnvironment::write_xcr(CpuState& state, std::uint32_t index, std::uint64_t value) {
    if (!state.kernel_mode || index != 0) return false;
    if ((value & xcr0_x87) == 0 || (value & ~vcpu_.domain().cpu_model().xcr0_supported) != 0) {
        return false;
    }
    if ((value & xcr0_avx) != 0 && (value & xcr0_sse) == 0) return false;
    state.xcr0 = value;
    return true;
}

// Ports and the interrupt flag -----------------------------------------------------------------

bool GuestEnvironment::interrupt_flag_is_writable(const CpuState& state) {
    const bool strict = vcpu_.domain().has_assist(VMASST_TYPE_architectural_iopl);
    const unsigned level = !state.kernel_mode ? 3 : strict ? 0 : 1;
    return vcpu_.iopl >= level;
}

/// By privilege level, or by a bit of zero for each byte in the bitmap that the guest registered.
bool GuestEnvironment::may_use_ports(std::uint16_t port, unsigned size) const {
    for (std::uint32_t each = port; each < std::uint32_t{port} + size; ++each) {
        std::uint8_t bits;
        if (each >= vcpu_.io_bitmap_ports ||
            read_guest(vcpu_.kernel_space(), vcpu_.io_bitmap + each / 8, bits) ||
            (bits >> (each % 8) & 1) != 0) {
            return false;
        }
    }
    return true;
}

std::optional<std::uint32_t> GuestEnvironment::read_port(CpuState& state, std::uint16_t port,
                                                         unsigned size) {
    if (!interrupt_flag_is_writable(state) && !may_use_ports(port, size)) return std::nullopt;
    // Nothing is there, which reads as ones. The counter of timer channel 2 reads as zero: while it
    // reads as ones, Linux takes it for running and looks at it 100,000 times.
    constexpr std::uint16_t timer_channel_2 = 0x42;
    return port == timer_channel_2 ? 0 : static_cast<std::uint32_t>(all_ones(size));
}

bool GuestEnvironment::write_port(CpuState& state, std::uint16_t port, unsigned size,
                                  std::uint32_t) {
    return interrupt_flag_is_writable(state) || may_use_ports(port, size);
}

// Descriptors ---------------------------------------------------------------------------------

std::optional<std::uint64_t> GuestEnvironment::descriptor(const CpuState&, std::uint16_t selector) {
    constexpr std::uint16_t table_indicator = 4;
    constexpr std::uint32_t per_frame = page_size / sizeof(std::uint64_t);
    if ((selector & table_indicator) != 0) return std::nullopt;  // MMUEXT_SET_LDT is refused
    const std::uint32_t index = selector / 8u;
    // Xen's own part, the same in every GDT.
    switch (index) {
        case FLAT_RING3_CS32 / 8:
            return 0x00cf'fb00'0000'ffff;
        case FLAT_RING3_DS32 / 8:
            return 0x00cf'f300'0000'ffff;
        case FLAT_RING3_CS64 / 8:
            return 0x00af'fb00'0000'ffff;
        default:
            break;
    }
    if (index >= vcpu_.gdt_entries) return std::nullopt;
    const std::byte* const page =
        vcpu_.domain().frames().at(vcpu_.gdt_frames[index / per_frame]).host;
    std::uint64_t found;
    std::memcpy(&found, page + index % per_frame * sizeof found, sizeof found);
    return found;
}

}  // namespace ring3
