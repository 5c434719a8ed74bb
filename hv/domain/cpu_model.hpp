// SPDX-License-Identifier: MIT
// The named CPU models that guests are offered: fixed CPUID data, never "whatever the host has".
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "hv/cpu/environment.hpp"

namespace ring3 {

struct CpuModel {
    std::string_view name;
    std::string_view summary;
    /// Leaf 1 ECX and EDX, leaf 7 EBX, leaf 80000001H ECX and EDX.
    std::uint32_t leaf1_ecx, leaf1_edx, leaf7_ebx, extended_ecx, extended_edx;
    /// XCR0 bits that XSETBV may set; zero: no XSAVE.
    std::uint64_t xcr0_supported;
    /// Shown by CPUID and /proc/cpuinfo; at most 47 characters.
    std::string_view brand;

    bool has_xsave() const { return xcr0_supported != 0; }
};

std::span<const CpuModel> cpu_models();
/// x86-64-v2.
const CpuModel& default_cpu_model();
/// Null when there is none of this name.
const CpuModel* find_cpu_model(std::string_view name);

/// The answer to CPUID. What is not Xen's own; `cr4` gives OSXSAVE, `xcr0` the size of leaf DH,
/// `vcpus` and `vcpu` the topology.
struct CpuidContext {
    std::uint64_t cr4;
    std::uint64_t xcr0;
    std::uint32_t vcpu;
    std::uint32_t vcpus;
};
CpuidLeaf cpuid_of(const CpuModel& model, const CpuidContext& context, std::uint32_t leaf,
                   std::uint32_t subleaf);

}  // namespace ring3
