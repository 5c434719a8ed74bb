// SPDX-License-Identifier: MIT
#include "hv/cpu/translate/vcpu_contexts.hpp"

#include <sys/mman.h>

#include <algorithm>

namespace ring3 {
namespace {

/// MXCSR in which all C++ of ours runs: all exceptions masked, round to nearest.
constexpr std::uint64_t cpp_mxcsr = 0x1f80;

}  // namespace

// A host that has none is only slower.
HugePage::HugePage() { madvise(this, size, MADV_HUGEPAGE); }

VcpuContext& VcpuContexts::of(const CpuState& state) {
    Vcpus& vcpus = domains_[state.domain];
    if (vcpus.size() <= state.vcpu.raw) vcpus.resize(state.vcpu.raw + std::size_t{1});
    std::unique_ptr<VcpuContext>& vcpu = vcpus[state.vcpu.raw];
    if (vcpu == nullptr) {
        vcpu = std::make_unique<VcpuContext>(frames_, state.domain, miss_stub_, two_levels_);
        Context& context = vcpu->context;
        context.owner = owner_;
        context.host_mxcsr = cpp_mxcsr;
        context.tag_mask = static_cast<std::uint64_t>(Tlb::entries - 1) << page_shift;
        context.page_mask = page_mask;
        for (std::size_t i = 0; i < context.place_mask.size(); ++i)
            context.place_mask[i] = page_mask | ((std::uint64_t{1} << i) - 1);
        context.sign_mask = std::uint64_t{1} << 63;
        context.fpu_absent = 1;
    }
    return *vcpu;
}

std::size_t VcpuContexts::size() const {
    std::size_t count = 0;
    for (const auto& [domain, vcpus] : domains_) {
        count += static_cast<std::size_t>(
            std::ranges::count_if(vcpus, [](const auto& vcpu) { return vcpu != nullptr; }));
    }
    return count;
}

}  // namespace ring3
