// SPDX-License-Identifier: MIT
// Pages that may be mapped in one go: neighbours in a guest's address space and in host memory,
// with the same rights.
#pragma once

#include <cstdint>

#include "hv/base/units.hpp"
#include "hv/memory/frame_table.hpp"
#include "hv/memory/walk.hpp"

namespace ring3 {

struct PageRun {
    Vaddr first{};
    std::byte* host = nullptr;  ///< of the first
    std::uint64_t pages = 0;
    /// All may be stored to: their entries allow it, and no code was translated from them.
    bool store = false;
};

/// The run around a page that walk() has `found` under `root`, of at most 2 * `reach` + 1 pages.
/// The others' A bits are set, and D where they may be stored to, so that using them leaves no
/// trace; and they stand in the same L1 table, so that their changes are told as the page's are.
PageRun run_around(FrameTable& frames, Mfn root, Vaddr page, const WalkResult& found,
                   DomainId domain, std::uint64_t reach);

}  // namespace ring3
