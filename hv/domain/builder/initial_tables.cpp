// SPDX-License-Identifier: MIT
#include "hv/domain/builder/initial_tables.hpp"

#include <algorithm>
#include <array>
#include <cstdint>

#include "hv/base/check.hpp"
#include "hv/memory/frame_table.hpp"
#include "hv/memory/page_entry.hpp"

namespace ring3 {
namespace {

constexpr int top_level = 4;
// As Xen's own builder sets them (A and D set, so that nothing changes behind the guest's back).
constexpr std::uint64_t table_flags = entry_bits::present | entry_bits::writable |
                                      entry_bits::user | entry_bits::accessed | entry_bits::dirty;
constexpr std::uint64_t page_flags =
    entry_bits::present | entry_bits::writable | entry_bits::accessed;

}  // namespace

InitialTables::Key InitialTables::key(int level, Vaddr va) {
    if (level == top_level) return {level, Vaddr{0}};
    return {level, Vaddr{va.raw >> entry_shift(level + 1) << entry_shift(level + 1)}};
}

Frames InitialTables::add(const Mapping& mapping, Pfn first) {
    HV_CHECK(mapping.count.raw > 0, "an empty range is mapped");
    mappings_.push_back(mapping);
    const Vaddr last = mapping.start + (mapping.count.raw * page_size - 1);
    Pfn next = first;
    for (int level = top_level; level >= 1; --level) {
        const Vaddr last_start = key(level, last).second;
        for (Vaddr start = key(level, mapping.start).second;;
             start = start + (std::uint64_t{1} << entry_shift(level + 1))) {
            const bool is_new = index_.emplace(Key{level, start}, tables_.size()).second;
            if (is_new) {
                tables_.push_back({level, start, next});
                ++next;
            }
            if (start == last_start) break;
        }
    }
    return Frames{next - first};
}

bool InitialTables::is_table(Pfn pfn) const {
    return std::binary_search(tables_.begin(), tables_.end(), Table{0, {}, pfn},
                              [](const Table& a, const Table& b) { return a.pfn < b.pfn; });
}

void InitialTables::write(FrameTable& frames, std::span<const Mfn> p2m) const {
    using Entries = std::array<std::uint64_t, entries_per_table>;
    std::vector<Entries> contents(tables_.size(), Entries{});
    const auto set = [&](int level, Vaddr va, Pfn target, std::uint64_t flags) {
        contents[index_.at(key(level, va))][entry_index(va, level)] =
            maddr_of(p2m[target.raw]).raw | flags;
    };
    for (const Table& table : tables_) {
        if (table.level < top_level) set(table.level + 1, table.start, table.pfn, table_flags);
    }
    for (const Mapping& mapping : mappings_) {
        for (std::uint64_t n = 0; n < mapping.count.raw; ++n) {
            const Pfn pfn = mapping.first + n;
            set(1, mapping.start + n * page_size, pfn,
                is_table(pfn) ? page_flags & ~entry_bits::writable : page_flags);
        }
    }
    for (std::size_t i = 0; i < tables_.size(); ++i) {
        frames.write(p2m[tables_[i].pfn.raw], 0, std::as_bytes(std::span(contents[i])));
    }
}

}  // namespace ring3
