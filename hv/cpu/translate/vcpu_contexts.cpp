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

std::unique_ptr<VcpuContext> VcpuContexts::make(DomainId domain) {
    auto made = std::make_unique<VcpuContext>(frames_, domain, miss_stub_, two_levels_);
    Context& context = made->context;
    context.owner = owner_;
    context.host_mxcsr = cpp_mxcsr;
    context.tag_mask = static_cast<std::uint64_t>(Tlb::entries - 1) << page_shift;
    context.page_mask = page_mask;
    for (std::size_t i = 0; i < context.place_mask.size(); ++i)
        context.place_mask[i] = page_mask | ((std::uint64_t{1} << i) - 1);
    context.sign_mask = std::uint64_t{1} << 63;
    context.fpu_absent = 1;
    context.regions.region.fill(RegionTable::no_region);
    return made;
}

VcpuContext& VcpuContexts::of(const CpuState& state) {
    Vcpus& vcpus = domains_[state.domain];
    if (vcpus.size() <= state.vcpu.raw) vcpus.resize(state.vcpu.raw + std::size_t{1});
    Spaces& spaces = vcpus[state.vcpu.raw];
    const auto is_its = [&](const auto& space) { return space->addresses.serves(state); };
    // Its own context before the one that is everybody's.
    auto found = spaces.end();
    if (!spaces.empty()) {
        found = std::find_if(spaces.begin() + 1, spaces.end(), is_its);
        if (found == spaces.end() && is_its(spaces.front())) found = spaces.begin();
    }
    // Windows are of one address space.
    const bool moves_out = !spaces.empty() && found == spaces.begin() && most_spaces_ > 1 &&
                           wants_windows((*found)->addresses, state);
    const std::uint64_t user_insns = moves_out ? (*found)->addresses.user_insns() : 0;
    if (moves_out) found = spaces.end();
    if (spaces.empty()) {
        ++vcpus_;
        found = spaces.insert(spaces.end(), make(state.domain));
    } else if (found == spaces.end() && !moves_out && !deserves_its_own(spaces, state)) {
        found = spaces.begin();
    } else if (found == spaces.end() && spaces.size() < room_for_spaces()) {
        found = spaces.insert(spaces.end(), make(state.domain));
    } else if (found == spaces.end()) {
        // What serves nobody any more goes first, then what was not used for longest.
        const auto turn = [](const auto& space) {
            return space->addresses.is_left() ? 0 : space->last_turn;
        };
        found = std::ranges::min_element(spaces.begin() + 1, spaces.end(), {}, turn);
    }
    VcpuContext& space = **found;
    space.last_turn = ++turns_;
    space.addresses.use(state);
    if (moves_out) space.addresses.count_user_insns(user_insns);
    return space;
}

bool VcpuContexts::wants_windows(const AddressCaches& addresses, const CpuState& state) const {
    return windows_after_ != 0 && !state.kernel_mode && addresses.user_insns() >= windows_after_ &&
           addresses.windows() == nullptr && !addresses.gave_up_windows();
}

bool VcpuContexts::deserves_its_own(Spaces& spaces, const CpuState& state) const {
    if (most_spaces_ == 1) return false;
    const auto is_its = [&](const Visits& v) {
        return v.kernel_root == state.kernel_root && v.user_root == state.user_root;
    };
    auto found = std::ranges::find_if(spaces.visits, is_its);
    if (found == spaces.visits.end()) {
        found = spaces.visits.begin() +
                static_cast<std::ptrdiff_t>(spaces.next_visits++ % spaces.visits.size());
        *found = {state.kernel_root, state.user_root, 0};
    }
    if (++found->count < most_visits) return false;
    found->count = 0;
    return true;
}

/// How many a vCPU may have: fewer where there are many vCPUs.
std::size_t VcpuContexts::room_for_spaces() const {
    const std::size_t vcpus = std::max<std::size_t>(size(), 1);
    return std::min(most_spaces_, std::max(always, most_of_all / vcpus));
}

void VcpuContexts::root_lost(DomainId domain, Mfn root) {
    const auto found = domains_.find(domain);
    if (found == domains_.end()) return;
    for (Spaces& spaces : found->second) {
        for (const auto& space : spaces) space->addresses.root_lost(root);
        for (Visits& v : spaces.visits) {
            if (v.kernel_root == root || v.user_root == root) v = {};
        }
    }
}

void VcpuContexts::forget(DomainId domain) {
    const auto found = domains_.find(domain);
    if (found == domains_.end()) return;
    const auto has_run = [](const Spaces& spaces) { return !spaces.empty(); };
    vcpus_ -= static_cast<std::size_t>(std::ranges::count_if(found->second, has_run));
    domains_.erase(found);
}

}  // namespace ring3
