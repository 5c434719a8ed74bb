// SPDX-License-Identifier: MIT
// What the engine keeps for each vCPU: its own software TLBs and caches, so that two vCPUs that
// take turns find theirs as they left them. Made when a vCPU first runs, gone with its domain. A
// vCPU has several: one for each address space that it was in lately, which are told of every
// change as if they were in use.
#pragma once

#include <array>
#include <cstddef>
#include <map>
#include <memory>
#include <vector>

#include "hv/base/units.hpp"
#include "hv/cpu/state.hpp"
#include "hv/cpu/translate/address_caches.hpp"
#include "hv/cpu/translate/context.hpp"
#include "hv/memory/frame_table.hpp"

namespace ring3 {

/// Asks for a huge page for what surrounds it, before that is written to.
struct HugePage {
    static constexpr std::size_t size = std::size_t{2} << 20;
    HugePage();
};

/// Some 4.4 MB. The first 1.3 MB, which translated code reads all over, stand in a huge page.
struct alignas(HugePage::size) VcpuContext {
    VcpuContext(FrameTable& frames, DomainId domain, std::uint64_t miss_stub, bool two_levels)
        : addresses(context, frames, domain, miss_stub, two_levels) {}

    HugePage huge_page;  // first, so that it begins where the whole does
    Context context{};
    AddressCaches addresses;
    std::uint64_t last_turn = 0;
};

class VcpuContexts {
public:
    /// `owner` and `miss_stub`: Context::owner, and what jump caches hold for an unknown target;
    /// `two_levels`: of the TLB; `most_spaces`: how many address spaces a vCPU keeps, one at least;
    /// `windows_after`: user instructions of an address space, 0: there are no windows.
    VcpuContexts(FrameTable& frames, void* owner, std::uint64_t miss_stub, bool two_levels,
                 std::size_t most_spaces, std::uint64_t windows_after)
        : frames_(frames),
          owner_(owner),
          miss_stub_(miss_stub),
          two_levels_(two_levels),
          most_spaces_(most_spaces),
          windows_after_(windows_after) {}

    /// For the vCPU in its address space, in use. Valid until its domain is forgotten.
    VcpuContext& of(const CpuState& state);
    /// Of vCPUs.
    void forget(DomainId domain);
    std::size_t size() const { return vcpus_; }

    /// Whether its address space has run for long enough: of() gives it a context of its own.
    bool wants_windows(const AddressCaches& addresses, const CpuState& state) const;

    /// DerivedState::root_lost.
    void root_lost(DomainId domain, Mfn root);

    template <class Act>
    void for_each(Act act) {
        for (auto& [domain, vcpus] : domains_) visit(vcpus, act);
    }
    template <class Act>
    void for_each_of(DomainId domain, Act act) {
        const auto found = domains_.find(domain);
        if (found != domains_.end()) visit(found->second, act);
    }
    /// All that may hold a translation to this frame.
    template <class Act>
    void for_each_user_of(const Frame& frame, Act act) {
        for_each_of(frame.owner, act);
        for (const GrantedFrames::Share& share :
             frames_.granted().shares_of(frames_.mfn_of(frame))) {
            for_each_of(share.user, act);
        }
    }

private:
    /// How often an address space was entered that has no context of its own.
    struct Visits {
        Mfn kernel_root = invalid_mfn, user_root = invalid_mfn;
        unsigned count = 0;
    };
    /// The first context serves all address spaces by turns, and keeps the kernel's half over that;
    /// the others belong to one each, which has shown that it comes back. Empty: the vCPU has not
    /// run yet.
    struct Spaces : std::vector<std::unique_ptr<VcpuContext>> {
        std::array<Visits, 16> visits{};
        std::size_t next_visits = 0;
    };
    bool deserves_its_own(Spaces& spaces, const CpuState& state) const;
    std::size_t room_for_spaces() const;
    /// By vCPU.
    using Vcpus = std::vector<Spaces>;

    template <class Act>
    static void visit(Vcpus& vcpus, Act act) {
        for (const Spaces& spaces : vcpus) {
            for (const auto& space : spaces) act(space->addresses);
        }
    }
    std::unique_ptr<VcpuContext> make(DomainId domain);

    FrameTable& frames_;
    void* owner_;
    std::uint64_t miss_stub_;
    bool two_levels_;
    /// A context of its own costs what some tens of switches do: the kernel's half is filled anew.
    static constexpr unsigned most_visits = 32;
    std::size_t most_spaces_;
    /// Of all vCPUs, but for a few that each may have: 140 MB.
    static constexpr std::size_t most_of_all = 32, always = 3;
    std::uint64_t windows_after_;
    std::uint64_t turns_ = 0;
    std::map<DomainId, Vcpus> domains_;
    /// Those that have run.
    std::size_t vcpus_ = 0;
};

}  // namespace ring3
