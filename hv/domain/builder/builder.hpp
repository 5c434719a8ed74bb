// SPDX-License-Identifier: MIT
// Builds a 64-bit PV domain: fills its frames with the kernel and with what the kernel expects to
// find, and gives the state in which its first vCPU starts. Knows frames and page tables, no
// Domain.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "hv/base/units.hpp"
#include "hv/cpu/state.hpp"
#include "hv/domain/builder/kernel_image.hpp"
#include "hv/domain/builder/layout.hpp"

namespace ring3 {

class PageTables;

struct BuildParams {
    DomainId domain{};
    Frames memory{};
    /// Both must outlive the call. An empty initrd means none.
    const KernelImage* kernel = nullptr;
    std::span<const std::byte> initrd;
    std::string_view command_line;
    /// The guest's ends of the event channels to its back ends: allocated by the caller, unbound.
    std::uint32_t store_port = 1;
    std::uint32_t console_port = 2;
};

struct BuiltDomain {
    DomainId domain{};
    Layout layout;
    /// The frame of each pfn. The guest keeps its own list from here on.
    std::vector<Mfn> p2m;
    /// The L4 table, pinned; CR3 holds one more reference to it.
    Mfn root{};
    /// Belongs to the domain, is no part of its memory (no pfn), and stays referenced as writable,
    /// so that it can be mapped and never become a page table.
    Mfn shared_info{};
    Mfn start_info{}, store{}, console{};
    std::uint32_t store_port = 0, console_port = 0;

    Vaddr entry{};
    Vaddr start_info_address{};
    /// One past the boot stack: the initial stack pointer, and kernel_sp.
    Vaddr stack_top{};
};

/// What plan_layout() does not see: that the command line fits and that the machine has the memory.
/// Throws ConfigError. For --dry-run.
void check_build(const BuildParams& params, Frames free_frames);

/// All or nothing: throws ConfigError before the first frame is taken. The domain owns `memory`
/// frames and shared_info afterwards; FrameTable::release_all gives them back.
BuiltDomain build_domain(const BuildParams& params, PageTables& tables);

/// The state of vCPU 0 at its first instruction.
CpuState entry_state(const BuiltDomain& built);

}  // namespace ring3
