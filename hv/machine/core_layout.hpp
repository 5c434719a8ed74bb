// SPDX-License-Identifier: MIT
// What a domain's core file holds: its frames, each once, and where the guest kernel maps them.
#pragma once

#include <cstdint>
#include <vector>

#include "hv/domain/domain.hpp"

namespace ring3 {

/// Virtual addresses that are mapped without a hole, to frames that follow each other in the file.
struct CoreRange {
    Vaddr start{};
    std::uint64_t first_frame = 0;  ///< an index of CoreLayout::frames
    std::uint64_t pages = 0;
};

struct CoreLayout {
    /// All memory that the domain owns, by pfn: what the kernel maps linearly is linear in the
    /// file.
    std::vector<Mfn> frames;
    /// By address.
    std::vector<CoreRange> ranges;
    /// False: there are more than a core can have, and the last are missing. (What a table maps is
    /// left out after a few places of that table: it is in the file at others.)
    bool has_all_ranges = true;
};

/// Reads the page tables of this vCPU's kernel root, which also map the user memory of what runs
/// there. Memory of others (grants, the machine-to-phys table) is left out. The domain must not
/// run meanwhile.
CoreLayout lay_out_core(Domain& domain, const Vcpu& vcpu);

}  // namespace ring3
