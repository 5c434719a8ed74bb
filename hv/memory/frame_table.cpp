// SPDX-License-Identifier: MIT
// The memory of all frames is one file, of which a freed frame gives its page back to the host.
#include "hv/memory/frame_table.hpp"

#include <algorithm>
#include <cstring>
#include <new>

#include "hv/memory/derived_state.hpp"
#include "hv/memory/page_entry.hpp"
#include "hv/memory/walk.hpp"

namespace ring3 {

namespace {

constexpr std::uint64_t m2p_entries_per_page = page_size / sizeof(std::uint64_t);

constexpr std::uint64_t round_up(std::uint64_t n, std::uint64_t unit) {
    return (n + unit - 1) / unit * unit;
}

constexpr std::uint64_t m2p_page_count(Frames total) {
    return round_up(FrameTable::first_mfn.raw + total.raw, m2p_entries_per_page) /
           m2p_entries_per_page;
}

}  // namespace

FrameTable::FrameTable(Frames total)
    : total_(total),
      memory_(total.raw * page_size),
      frame_memory_(round_up(total.raw * sizeof(Frame), page_size)),
      m2p_memory_(m2p_page_count(total) * page_size),
      // Zeroed memory holds free Frames already: an implicit-lifetime type, nothing to construct.
      frames_(std::launder(reinterpret_cast<Frame*>(frame_memory_.data()))),
      free_(total.raw),
      m2p_set_(m2p_page_count(total), false) {
    HV_CHECK(total.raw > 0, "a machine without memory");
    std::memset(m2p_unset_, 0xff, sizeof m2p_unset_);
}

std::optional<Mfn> FrameTable::allocate(DomainId owner) {
    const std::optional<std::uint64_t> free = free_.take(owner);
    if (!free) return std::nullopt;
    const std::uint64_t index = *free;
    if (walk_epochs_.size() <= owner.raw) walk_epochs_.resize(owner.raw + std::size_t{1}, 1);
    used_end_ = std::max(used_end_, index + 1);
    Frame& frame = frames_[index];
    frame = Frame{.host = memory_.data() + index * page_size, .owner = owner, .allocated = true};
    return first_mfn + index;
}

void FrameTable::forget(Frame& frame) {
    const Mfn mfn = mfn_of(frame);
    set_m2p(mfn, Pfn{~std::uint64_t{0}});
    frame = Frame{};
    free_.give_back(index_of(mfn));
}

void FrameTable::release(Mfn mfn) {
    Frame& frame = at(mfn);
    HV_CHECK(frame.allocated, "a free frame is released");
    HV_CHECK(frame.ref_count == 0 && frame.type_count == 0, "a frame in use is released");
    if (listener_ != nullptr) listener_->frame_lost(mfn);
    forget(frame);
    memory_.discard(index_of(mfn) * page_size, page_size);
}

/// Leaves a frame of a domain that is gone with the references that others hold on it; false: there
/// are none.
bool FrameTable::keep_for_others(Mfn mfn, Frame& frame) {
    std::uint32_t references = 0, types = 0;
    for (const GrantedFrames::Share& share : granted_.shares_of(mfn)) {
        if (share.owner != frame.owner) continue;
        references += share.held[0] + share.held[1];
        types += share.held[static_cast<std::size_t>(GrantAccess::write)];
    }
    if (references == 0) return false;
    HV_CHECK(types == 0 || frame.type == PageType::writable,
             "a frame that others may write to was something else");
    frame.type = types == 0 ? PageType::none : PageType::writable;
    frame.type_count = types;
    frame.ref_count = references;
    frame.pinned = false;
    frame.given_up = true;
    return true;
}

void FrameTable::release_all(DomainId owner) {
    all_pages_changed(owner);
    std::uint64_t run_start = 0, run_length = 0;  // of neighbours, discarded by one call
    for (std::uint64_t index = 0; index < used_end_; ++index) {
        Frame& frame = frames_[index];
        if (!frame.allocated || frame.owner != owner) continue;
        if (keep_for_others(first_mfn + index, frame)) continue;
        // No translation is left; blocks of code are.
        if (frame.has_code && listener_ != nullptr) listener_->frame_lost(first_mfn + index);
        forget(frame);
        if (run_length != 0 && run_start + run_length != index) {
            memory_.discard(run_start * page_size, run_length * page_size);
            run_length = 0;
        }
        if (run_length++ == 0) run_start = index;
    }
    if (run_length != 0) memory_.discard(run_start * page_size, run_length * page_size);
    free_.end_run(owner);
}

void FrameTable::write(Mfn mfn, std::uint64_t offset, std::span<const std::byte> bytes) {
    expect_use(mfn);
    Frame& frame = at(mfn);
    HV_CHECK(frame.allocated && offset <= page_size && bytes.size() <= page_size - offset,
             "a write outside of a frame");
    HV_CHECK(frame.type == PageType::none || frame.type == PageType::writable,
             "a write past the accounting of page tables");
    if (bytes.empty()) return;
    std::memcpy(frame.host + offset, bytes.data(), bytes.size());
    written(frame, offset, bytes.size());
}

Pfn FrameTable::m2p(Mfn mfn) const {
    HV_CHECK(find(mfn) != nullptr, "machine-to-phys of a frame that the machine does not have");
    if (!m2p_set_[mfn.raw / m2p_entries_per_page]) return {~std::uint64_t{0}};
    Pfn pfn;
    std::memcpy(&pfn.raw, m2p_memory_.data() + mfn.raw * sizeof pfn.raw, sizeof pfn.raw);
    return pfn;
}

void FrameTable::set_m2p(Mfn mfn, Pfn pfn) {
    HV_CHECK(find(mfn) != nullptr, "machine-to-phys of a frame that the machine does not have");
    const std::uint64_t n = mfn.raw / m2p_entries_per_page;
    if (!m2p_set_[n]) {
        if (pfn.raw == ~std::uint64_t{0}) return;
        std::memset(m2p_memory_.data() + n * page_size, 0xff, page_size);
        m2p_set_[n] = true;
        if (listener_ != nullptr) listener_->xen_page_changed(m2p_start + n * page_size);
    }
    std::memcpy(m2p_memory_.data() + mfn.raw * sizeof pfn.raw, &pfn.raw, sizeof pfn.raw);
}

std::byte* FrameTable::m2p_page(std::uint64_t n) {
    if (n >= m2p_set_.size()) return nullptr;
    return m2p_set_[n] ? m2p_memory_.data() + n * page_size : m2p_unset_;
}

void FrameTable::all_pages_changed(DomainId domain) {
    if (domain.raw >= walk_epochs_.size()) return;  // it never had a table
    ++walk_epochs_[domain.raw];
    if (listener_ != nullptr) listener_->all_pages_changed(domain);
}

void FrameTable::entry_changed(const Frame& table, unsigned index) {
    if (!was_walked(table)) return;
    const int level = table_level(table.type);
    if (level == 4) {
        // The upper half's addresses are sign-extended.
        const std::uint64_t raw = std::uint64_t{index} << entry_shift(4);
        constexpr unsigned unused = 16;
        const auto canonical = static_cast<std::int64_t>(raw << unused) >> unused;
        region_changed(table, Vaddr{static_cast<std::uint64_t>(canonical)}, level - 1);
    } else if (table.walked_at == Frame::several_places) {
        all_pages_changed(table.owner);
    } else {
        const Vaddr first{table.walked_at + (std::uint64_t{index} << entry_shift(level))};
        region_changed(table, first, level - 1);
    }
}

void FrameTable::table_lost(Frame& table) {
    if (!was_walked(table)) return;
    const int level = table_level(table.type);
    if (level == 4) {
        if (listener_ != nullptr) listener_->root_lost(table.owner, mfn_of(table));
    } else if (table.walked_at == Frame::several_places) {
        all_pages_changed(table.owner);
    } else {
        region_changed(table, Vaddr{table.walked_at}, level);
    }
    table.walk_epoch = 0;
}

/// What a whole table of this level translates; level 0: one page.
void FrameTable::region_changed(const Frame& table, Vaddr first, int level) {
    if (listener_ == nullptr) return;
    if (level == 0) {
        listener_->page_changed(table.owner, first);
    } else {
        const std::uint64_t pages = std::uint64_t{1} << (entry_shift(level + 1) - page_shift);
        listener_->region_changed(table.owner, first, pages);
    }
}

void FrameTable::written(const Frame& frame, std::uint64_t offset, std::uint64_t length) {
    if (frame.has_code && listener_ != nullptr) {
        listener_->frame_written(mfn_of(frame), offset, length);
    }
}

}  // namespace ring3
