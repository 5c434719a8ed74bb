// SPDX-License-Identifier: MIT
// Small worlds for tests of memory: entries by hand, a domain with one page-table tree, a TLB that
// forgets only what it is told to forget.
#pragma once

#include <cstdint>
#include <cstring>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "hv/memory/derived_state.hpp"
#include "hv/memory/frame_table.hpp"
#include "hv/memory/page_entry.hpp"
#include "hv/memory/page_tables.hpp"
#include "hv/memory/walk.hpp"

namespace ring3::test {

using namespace entry_bits;

constexpr std::uint64_t table_flags = present | writable | user | accessed | dirty;
constexpr std::uint64_t data_flags = present | writable | accessed | dirty;
constexpr std::uint64_t read_only_flags = present | accessed | dirty;

constexpr std::uint64_t entry_for(Mfn mfn, std::uint64_t flags) {
    return mfn.raw << page_shift | flags;
}

/// The virtual address that these four indexes translate.
constexpr Vaddr va_of(unsigned l4, unsigned l3, unsigned l2, unsigned l1,
                      std::uint64_t offset = 0) {
    const std::uint64_t low = std::uint64_t{l4} << 39 | std::uint64_t{l3} << 30 |
                              std::uint64_t{l2} << 21 | std::uint64_t{l1} << 12 | offset;
    return {static_cast<std::uint64_t>(static_cast<std::int64_t>(low << 16) >> 16)};
}

inline std::uint64_t load_entry(FrameTable& frames, Mfn table, unsigned index) {
    std::uint64_t value;
    std::memcpy(&value, frames.at(table).host + index * sizeof value, sizeof value);
    return value;
}

/// Past all accounting, as only a bug could.
inline void smuggle_entry(FrameTable& frames, Mfn table, unsigned index, std::uint64_t value) {
    std::memcpy(frames.at(table).host + index * sizeof value, &value, sizeof value);
}

inline void write_entry(FrameTable& frames, Mfn table, unsigned index, std::uint64_t value) {
    frames.write(table, index * sizeof value, std::as_bytes(std::span{&value, 1}));
}

/// A domain with L4 -> L3 -> L2 -> L1 at index `at` of each table, not yet typed, and some data
/// frames mapped from L1 index 0 on.
struct TestDomain {
    TestDomain(PageTables& tables, DomainId domain_id, unsigned data_frames = 4, unsigned at = 1)
        : id(domain_id), index(at) {
        FrameTable& frames = tables.frames();
        l4 = *frames.allocate(id);
        l3 = *frames.allocate(id);
        l2 = *frames.allocate(id);
        l1 = *frames.allocate(id);
        write_entry(frames, l4, at, entry_for(l3, table_flags));
        write_entry(frames, l3, at, entry_for(l2, table_flags));
        write_entry(frames, l2, at, entry_for(l1, table_flags));
        for (unsigned i = 0; i < data_frames; ++i) {
            data.push_back(*frames.allocate(id));
            write_entry(frames, l1, i, entry_for(data.back(), present | writable));
        }
    }

    Vaddr va(unsigned l1_index, std::uint64_t offset = 0) const {
        return va_of(index, index, index, l1_index, offset);
    }
    Maddr l1_entry(unsigned l1_index) const { return maddr_of(l1, l1_index * 8); }

    DomainId id;
    unsigned index;
    Mfn l4, l3, l2, l1;
    std::vector<Mfn> data;
};

/// Remembers what it is told.
class RecordingListener final : public DerivedState {
public:
    void page_changed(DomainId, Vaddr page) override { pages.push_back(page); }
    void region_changed(DomainId, Vaddr first, std::uint64_t count) override {
        regions.emplace_back(first, count);
    }
    void root_lost(DomainId, Mfn root) override { roots.push_back(root); }
    void all_pages_changed(DomainId) override { ++all_pages; }
    void xen_page_changed(Vaddr page) override { pages.push_back(page); }
    void frame_lost(Mfn frame) override { lost.push_back(frame); }
    void frame_written(Mfn frame, std::uint64_t offset, std::uint64_t length) override {
        written.emplace_back(frame, offset, length);
    }
    void clear() { *this = RecordingListener{}; }
    bool is_silent() const {
        return pages.empty() && regions.empty() && roots.empty() && all_pages == 0 &&
               lost.empty() && written.empty();
    }

    std::vector<Vaddr> pages;
    std::vector<std::pair<Vaddr, std::uint64_t>> regions;
    std::vector<Mfn> roots;
    int all_pages = 0;
    std::vector<Mfn> lost;
    std::vector<std::tuple<Mfn, std::uint64_t, std::uint64_t>> written;
};

/// A TLB without limits, tagged by root: what a walk once found stays until it is invalidated.
class EndlessTlb final : public DerivedState {
public:
    struct Key {
        DomainId domain;
        Mfn root;
        Vaddr page;
        bool is_fetch;
        friend auto operator<=>(const Key&, const Key&) = default;
    };
    struct Entry {
        Mfn mfn;
        std::byte* host;
        bool writable;
    };

    void page_changed(DomainId domain, Vaddr page) override {
        std::erase_if(entries, [&](const auto& e) {
            return e.first.domain == domain && e.first.page == page;
        });
    }
    void region_changed(DomainId domain, Vaddr first, std::uint64_t pages) override {
        std::erase_if(entries, [&](const auto& e) {
            return e.first.domain == domain && e.first.page >= first &&
                   (e.first.page - first) / page_size < pages;
        });
    }
    void root_lost(DomainId domain, Mfn root) override {
        std::erase_if(entries, [&](const auto& e) {
            return e.first.domain == domain && e.first.root == root;
        });
    }
    void all_pages_changed(DomainId domain) override {
        std::erase_if(entries, [&](const auto& e) { return e.first.domain == domain; });
    }
    void xen_page_changed(Vaddr page) override {
        std::erase_if(entries, [&](const auto& e) { return e.first.page == page; });
    }
    void frame_lost(Mfn frame) override {
        std::erase_if(entries, [&](const auto& e) { return e.second.mfn == frame; });
    }
    void frame_written(Mfn, std::uint64_t, std::uint64_t) override {}

    std::map<Key, Entry> entries;
};

}  // namespace ring3::test
