// SPDX-License-Identifier: MIT
// The CPU models are the micro-architecture levels of the x86-64 psABI, and nothing beside them but
// what the system level needs: RDRAND, whose numbers are the machine's, for a guest's own random
// numbers. What is left out, and why: RDSEED (Linux does with RDRAND), invariant TSC (the guest's
// clock is pvclock), ERMS and FSRM (each iteration of a string instruction retires one instruction,
// and bytes would be eight times as many as quadwords), FSGSBASE (Linux then reads an MSR at each
// context switch), SMEP, SMAP, PCID, APIC, MTRR, PSE, PGE (not for PV guests), SYSENTER (32-bit
// code only).
//
// The vendor is AMD because a stock kernel then does the fewest odd things: it looks for no
// Meltdown, L1TF, MDS or ITLB erratum (each with a cost at every entry: VERW, page-table
// inversion), reads no platform MSRs, and takes its caches from two fixed leaves. Family 11H
// because no erratum of it is worked around: families 10H, 12H and 15H to 1AH each have theirs
// (retbleed and SRSO thunks among them), while the features are those of the model's name. LFENCE
// is said to serialize and a null selector to clear its base, which spares an MSR write and a
// workaround.
#include "hv/domain/cpu_model.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

namespace ring3 {

namespace {

template <class... Bits>
constexpr std::uint32_t bits(Bits... each) {
    return ((std::uint32_t{1} << each) | ...);
}

// Leaf 1 EDX: FPU DE TSC MSR PAE CX8 CMOV PAT CLFSH MMX FXSR SSE SSE2.
constexpr std::uint32_t base_edx = bits(0, 2, 4, 5, 6, 8, 15, 16, 19, 23, 24, 25, 26);
// Leaf 1 ECX: SSE3 SSSE3 CX16 SSE4.1 SSE4.2 POPCNT, RDRAND, and the bit that says "under a
// hypervisor".
constexpr std::uint32_t v2_ecx = bits(0, 9, 13, 19, 20, 23, 30, 31);
// FMA MOVBE XSAVE AVX F16C.
constexpr std::uint32_t v3_ecx = v2_ecx | bits(12, 22, 26, 28, 29);
// Leaf 7 EBX: BMI1 AVX2 BMI2.
constexpr std::uint32_t v3_leaf7_ebx = bits(3, 5, 8);
// Leaf 80000001H ECX: LAHF-SAHF, PREFETCHW; with v3 LZCNT.
constexpr std::uint32_t v2_extended_ecx = bits(0, 8);
constexpr std::uint32_t v3_extended_ecx = v2_extended_ecx | bits(5);
// Leaf 80000001H EDX: SYSCALL NX RDTSCP LM, and AMD's copies of leaf 1 EDX.
constexpr std::uint32_t amd_copies = base_edx & 0x0183'f3ff;
constexpr std::uint32_t extended_edx = bits(11, 20, 27, 29) | amd_copies;

constexpr std::array models{
    CpuModel{.name = "x86-64-v2",
             .summary = "SSE3 to SSE4.2, POPCNT, CMPXCHG16B",
             .leaf1_ecx = v2_ecx,
             .leaf1_edx = base_edx,
             .leaf7_ebx = 0,
             .extended_ecx = v2_extended_ecx,
             .extended_edx = extended_edx,
             .xcr0_supported = 0,
             .brand = "ring3 x86-64-v2"},
    CpuModel{.name = "x86-64-v3",
             .summary = "x86-64-v2 with AVX, AVX2, BMI, FMA, F16C, LZCNT, MOVBE",
             .leaf1_ecx = v3_ecx,
             .leaf1_edx = base_edx,
             .leaf7_ebx = v3_leaf7_ebx,
             .extended_ecx = v3_extended_ecx,
             .extended_edx = extended_edx,
             .xcr0_supported = 7,
             .brand = "ring3 x86-64-v3"},
};

constexpr CpuidLeaf vendor{.ebx = 0x6874'7541, .ecx = 0x444d'4163, .edx = 0x6974'6e65};
/// Family 11H, model 3, stepping 1.
constexpr std::uint32_t signature = 0x0020'0f31;
constexpr std::uint32_t last_leaf = 0xd, last_extended_leaf = 0x8000'0021;

// XSAVE's standard format (SDM vol. 1, 13.4): 512 bytes of FXSAVE, a header of 64, then YMM highs.
constexpr std::uint32_t legacy_size = 576, avx_offset = 576, avx_size = 256;
constexpr std::uint64_t xcr0_avx = 4;

/// Xen numbers a PV guest's APICs by twos.
std::uint32_t apic_id(const CpuidContext& context) { return 2 * context.vcpu; }

CpuidLeaf leaf1(const CpuModel& model, const CpuidContext& context) {
    constexpr std::uint64_t cr4_osxsave = 1u << 18;
    constexpr std::uint32_t osxsave = 1u << 27;
    constexpr std::uint32_t clflush_line_64 = 8u << 8;
    return {.eax = signature,
            .ebx = apic_id(context) << 24 | context.vcpus << 16 | clflush_line_64,
            .ecx = model.leaf1_ecx | ((context.cr4 & cr4_osxsave) != 0 ? osxsave : 0),
            .edx = model.leaf1_edx};
}

/// Extended topology: one thread per core, one package.
CpuidLeaf topology(const CpuidContext& context, std::uint32_t subleaf) {
    constexpr std::uint32_t smt_level = 1u << 8, core_level = 2u << 8;
    switch (subleaf) {
        case 0:
            return {.eax = 1, .ebx = 1, .ecx = smt_level, .edx = apic_id(context)};
        case 1:
            return {.eax = static_cast<std::uint32_t>(std::bit_width(2 * context.vcpus - 1)),
                    .ebx = context.vcpus,
                    .ecx = core_level | 1,
                    .edx = apic_id(context)};
        default:
            return {.ecx = subleaf & 0xff, .edx = apic_id(context)};
    }
}

CpuidLeaf extended_state(const CpuModel& model, const CpuidContext& context,
                         std::uint32_t subleaf) {
    if (!model.has_xsave()) return {};
    if (subleaf == 0) {
        const auto size_of = [](std::uint64_t xcr0) {
            return (xcr0 & xcr0_avx) != 0 ? avx_offset + avx_size : legacy_size;
        };
        return {.eax = static_cast<std::uint32_t>(model.xcr0_supported),
                .ebx = size_of(context.xcr0),
                .ecx = size_of(model.xcr0_supported)};
    }
    return subleaf == 2 ? CpuidLeaf{.eax = avx_size, .ebx = avx_offset} : CpuidLeaf{};
}

CpuidLeaf brand(const CpuModel& model, std::uint32_t part) {
    std::array<char, 48> text{};
    model.brand.copy(text.data(), text.size() - 1);
    CpuidLeaf leaf;
    std::memcpy(&leaf, text.data() + part * sizeof leaf, sizeof leaf);
    return leaf;
}

CpuidLeaf extended(const CpuModel& model, const CpuidContext& context, std::uint32_t leaf) {
    switch (leaf) {
        case 0x8000'0000:
            return {last_extended_leaf, vendor.ebx, vendor.ecx, vendor.edx};
        case 0x8000'0001:
            return {.eax = signature, .ecx = model.extended_ecx, .edx = model.extended_edx};
        case 0x8000'0002:
        case 0x8000'0003:
        case 0x8000'0004:
            return brand(model, leaf - 0x8000'0002);
        case 0x8000'0005:  // TLBs of 4 KiB pages; L1: 64 KiB each, 2-way, 64-byte lines
            return {.ebx = 0xff30'ff20, .ecx = 0x4002'0140, .edx = 0x4002'0140};
        case 0x8000'0006:  // L2 TLBs; L2: 1 MiB; L3: 16 MiB; both 16-way, 64-byte lines
            return {.ebx = 0x4200'4200, .ecx = 0x0400'8140, .edx = 0x0080'8140};
        case 0x8000'0008:  // 40 bits of machine address, 48 of virtual address; cores - 1
            return {.eax = 0x3028, .ecx = context.vcpus - 1};
        case 0x8000'0021:  // LFENCE serializes; a null selector clears its base
            return {.eax = bits(2, 6)};
        default:
            return {};
    }
}

}  // namespace

std::span<const CpuModel> cpu_models() { return models; }
const CpuModel& default_cpu_model() { return models.front(); }

const CpuModel* find_cpu_model(std::string_view name) {
    const auto found = std::ranges::find(models, name, &CpuModel::name);
    return found == models.end() ? nullptr : &*found;
}

CpuidLeaf cpuid_of(const CpuModel& model, const CpuidContext& context, std::uint32_t leaf,
                   std::uint32_t subleaf) {
    switch (leaf) {
        case 0:
            return {last_leaf, vendor.ebx, vendor.ecx, vendor.edx};
        case 1:
            return leaf1(model, context);
        case 7:
            return subleaf == 0 ? CpuidLeaf{.ebx = model.leaf7_ebx} : CpuidLeaf{};
        case 0xb:
            return topology(context, subleaf);
        case 0xd:
            return extended_state(model, context, subleaf);
        default:
            return leaf >= 0x8000'0000 ? extended(model, context, leaf) : CpuidLeaf{};
    }
}

}  // namespace ring3
