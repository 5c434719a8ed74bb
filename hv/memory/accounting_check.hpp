// SPDX-License-Identifier: MIT
// Recomputes what PageTables accounts, from nothing but the tables' contents and a list of who else
// holds references. For tests, and for debug builds after each MMU hypercall.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "hv/base/units.hpp"
#include "hv/memory/frame_table.hpp"

namespace ring3 {

/// References that no page-table entry and no pin explains. One element each: a frame that is held
/// twice stands here twice.
struct OutsideReferences {
    std::vector<Mfn> roots;        ///< get_table(..., 4), replace_root
    std::vector<Mfn> descriptors;  ///< get_descriptors
    std::vector<Mfn> writable;     ///< get_writable_page
    std::vector<Mfn> plain;        ///< get_page
    struct Granted {
        DomainId user;
        Mfn mfn;
        GrantAccess access;
    };
    std::vector<Granted> granted;  ///< get_granted
};

/// What is wrong first, in words; nothing when every count of every frame is as it must be, no
/// frame is a table and writable at once, and no domain maps a frame of another but by grants.
std::optional<std::string> check_page_accounting(const FrameTable& frames,
                                                 const OutsideReferences& outside);

}  // namespace ring3
