// SPDX-License-Identifier: MIT
#include "hv/machine/core_layout.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "hv/memory/page_entry.hpp"

namespace ring3 {
namespace {

constexpr std::uint64_t nowhere = ~std::uint64_t{0};
/// A core file's headers must fit into gdb's patience: 56 bytes for each range.
constexpr std::size_t most_ranges = std::size_t{1} << 18;
/// At how many places a table is followed. Linux has each in one or two, but for the stacks of
/// espfix64, whose tables it repeats thousands of times; a hostile guest has no end of it.
constexpr std::uint8_t most_places = 4;

std::vector<Mfn> frames_by_pfn(Domain& domain) {
    FrameTable& frames = domain.frames();
    std::vector<std::pair<Pfn, Mfn>> owned;
    for (Mfn mfn = FrameTable::first_mfn; mfn < frames.end_mfn(); ++mfn) {
        const Frame& frame = frames.at(mfn);
        if (frame.allocated && frame.owner == domain.id()) owned.emplace_back(frames.m2p(mfn), mfn);
    }
    std::sort(owned.begin(), owned.end());
    std::vector<Mfn> sorted;
    sorted.reserve(owned.size());
    for (const auto& [pfn, mfn] : owned) sorted.push_back(mfn);
    return sorted;
}

class Walker {
public:
    Walker(Domain& domain, CoreLayout& layout)
        : frames_(domain.frames()),
          layout_(layout),
          index_(frames_.total().raw, nowhere),
          places_(layout.frames.size(), 0) {
        for (std::size_t i = 0; i < layout.frames.size(); ++i)
            index_[layout.frames[i] - FrameTable::first_mfn] = i;
    }

    void walk(Mfn table, int level, std::uint64_t base) {
        if (index_of(table) == nowhere || places_[index_of(table)] == most_places) return;
        if (layout_.ranges.size() >= most_ranges) {
            layout_.has_all_ranges = false;
            return;
        }
        ++places_[index_of(table)];
        const std::byte* const entries = frames_.at(table).host;
        if (entries == nullptr) return;
        for (unsigned i = 0; i < entries_per_table; ++i) {
            std::uint64_t entry;
            std::memcpy(&entry, entries + i * sizeof entry, sizeof entry);
            if (!is_present(entry) || !is_guest_slot(level, i)) continue;
            std::uint64_t address = base | std::uint64_t{i} << entry_shift(level);
            if (level == 4 && i > last_xen_slot) address |= 0xffff'0000'0000'0000;
            if (level > 1) {
                walk(entry_mfn(entry), level - 1, address);
            } else {
                add(Vaddr{address}, index_of(entry_mfn(entry)));
            }
        }
    }

private:
    std::uint64_t index_of(Mfn mfn) const {
        return frames_.find(mfn) == nullptr ? nowhere : index_[mfn - FrameTable::first_mfn];
    }
    void add(Vaddr address, std::uint64_t frame) {
        if (frame == nowhere) return;
        if (!layout_.ranges.empty()) {
            CoreRange& last = layout_.ranges.back();
            if (address == last.start + last.pages * page_size &&
                frame == last.first_frame + last.pages) {
                ++last.pages;
                return;
            }
        }
        layout_.ranges.push_back({address, frame, 1});
    }

    FrameTable& frames_;
    CoreLayout& layout_;
    std::vector<std::uint64_t> index_;
    std::vector<std::uint8_t> places_;
};

}  // namespace

CoreLayout lay_out_core(Domain& domain, const Vcpu& vcpu) {
    CoreLayout layout;
    layout.frames = frames_by_pfn(domain);
    Walker(domain, layout).walk(vcpu.cpu.kernel_root, 4, 0);
    return layout;
}

}  // namespace ring3
