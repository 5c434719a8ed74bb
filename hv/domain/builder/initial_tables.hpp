// SPDX-License-Identifier: MIT
// The page tables that a domain starts with: which tables a set of virtual ranges needs, and what
// stands in them.
#pragma once

#include <cstddef>
#include <map>
#include <span>
#include <utility>
#include <vector>

#include "hv/base/units.hpp"

namespace ring3 {

class FrameTable;

/// Pages of the domain at consecutive virtual addresses. Ranges do not wrap around.
struct Mapping {
    Vaddr start;
    Pfn first;
    Frames count;
};

/// The tables of one address space, under one L4 table, each in a page of the domain.
class InitialTables {
public:
    /// Plans the tables that `mapping` needs and that are not planned yet, from the pfn `first` on,
    /// in the order L4, L3, L2, L1. Returns how many pages they take. Pages that are planned later
    /// must have higher pfns. `mapping` must not overlap an earlier one.
    Frames add(const Mapping& mapping, Pfn first);

    /// The L4 table; something must have been added.
    Pfn root() const { return tables_.front().pfn; }
    bool is_table(Pfn pfn) const;

    /// Fills the tables. `p2m` gives the frame of each pfn. Pages that hold tables are mapped
    /// read-only, as page-table accounting demands.
    void write(FrameTable& frames, std::span<const Mfn> p2m) const;

private:
    struct Table {
        int level;
        /// What its entry 0 translates.
        Vaddr start;
        Pfn pfn;
    };
    using Key = std::pair<int, Vaddr>;
    static Key key(int level, Vaddr va);

    std::vector<Mapping> mappings_;
    /// Sorted by pfn.
    std::vector<Table> tables_;
    /// Index into tables_.
    std::map<Key, std::size_t> index_;
};

}  // namespace ring3
