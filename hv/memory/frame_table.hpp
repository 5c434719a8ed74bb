// SPDX-License-Identifier: MIT
// The machine's frames: who owns each, what it is used as, how often, and what backs it. An mfn is
// a name: only this table knows the host memory behind it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "hv/base/check.hpp"
#include "hv/base/units.hpp"
#include "hv/memory/free_frames.hpp"
#include "hv/memory/granted_frames.hpp"
#include "hv/memory/host_mapping.hpp"
#include "hv/memory/machine_memory.hpp"

namespace ring3 {

class DerivedState;

/// What a frame is used as. Exclusive: a frame has one type while its type count is not zero
/// (Xen's PGT_* types). `writable` = mapped writable at least once; `none` = type count is zero.
enum class PageType : std::uint8_t { none, writable, l1, l2, l3, l4, segment_descriptors };

constexpr PageType table_type(int level) {
    return static_cast<PageType>(static_cast<int>(PageType::l1) + level - 1);
}
/// The level of a page table, 0 for every other type.
constexpr int table_level(PageType type) {
    return type >= PageType::l1 && type <= PageType::l4
               ? static_cast<int>(type) - static_cast<int>(PageType::l1) + 1
               : 0;
}

/// One machine frame. All zeroes is a free frame.
/// Invariants: type_count == 0 <=> type == none; pinned adds one to type_count and to ref_count;
/// ref_count >= type_count; host is null only when the frame is free or absent.
struct Frame {
    std::byte* host = nullptr;
    DomainId owner{};
    PageType type = PageType::none;
    bool pinned = false;
    /// The frame belongs to `owner` (false: free).
    bool allocated = false;
    /// `owner` gave it up (PageTables::give_up): it becomes free with its last reference.
    bool given_up = false;
    /// Set and cleared by the engine alone: blocks translated from this frame exist, so that a
    /// store to it must take the slow path and `DerivedState::frame_written` must be told.
    bool has_code = false;
    std::uint32_t type_count = 0;
    std::uint32_t ref_count = 0;
    /// The engine's, and even: goes on whenever rights to the frame are taken away, or the engine
    /// takes back its own right to store, so that what it derived before is seen to be stale.
    std::uint64_t right_epoch = 0;
    /// The rest is written by successful walks that used this frame as a table, and holds only
    /// while `walk_epoch` is its owner's FrameTable::walk_epoch(): what was derived before that is
    /// gone. Of a table below the root: the virtual address that its entry 0 translated, or
    /// `several_places`.
    static constexpr std::uint64_t several_places = 2;
    std::uint64_t walked_at = 0;
    std::uint64_t walk_epoch = 0;
};

/// All frames of one machine, and the machine-to-phys table that guests read.
class FrameTable {
public:
    /// Name of the machine's first frame: 4 GiB up, so that a pseudo-physical frame number taken
    /// for an mfn is refused instead of naming another frame of the same guest.
    static constexpr Mfn first_mfn{0x100000};

    /// A machine of `total` frames. Host memory is reserved at once, and populated on first touch.
    explicit FrameTable(Frames total);
    FrameTable(const FrameTable&) = delete;
    FrameTable& operator=(const FrameTable&) = delete;

    GrantedFrames& granted() { return granted_; }
    const GrantedFrames& granted() const { return granted_; }

    Frames total() const { return total_; }
    Frames free() const { return Frames{free_.count()}; }
    /// One past the machine's last frame.
    Mfn end_mfn() const { return first_mfn + total_.raw; }

    /// A zeroed frame for this domain; lowest free mfn first, so that a run repeats. Empty when the
    /// machine is full.
    std::optional<Mfn> allocate(DomainId owner);
    /// The domain gets its frames from a run of so many, if there is one: FreeFrames::keep_run().
    void keep_run(DomainId owner, Frames length) { free_.keep_run(owner, length.raw); }
    /// Gives the frame back and zeroes it. Its counts must be zero.
    void release(Mfn mfn);
    /// Gives back every frame of a domain that is gone, whatever references they hold on each
    /// other. Those on which other domains hold references stay, given up. Through
    /// PageTables::release_all where the domain may hold references on frames of others.
    void release_all(DomainId owner);

    /// The frame, or null when the machine has no such frame (mfn from a guest: check this).
    Frame* find(Mfn mfn) {
        const std::uint64_t index = mfn.raw - first_mfn.raw;  // wraps below first_mfn: out of range
        return index < total_.raw ? frames_ + index : nullptr;
    }
    const Frame* find(Mfn mfn) const { return const_cast<FrameTable*>(this)->find(mfn); }
    /// The frame; it must exist.
    Frame& at(Mfn mfn) {
        Frame* const frame = find(mfn);
        HV_CHECK(frame != nullptr, "a frame that the machine does not have");
        return *frame;
    }
    Mfn mfn_of(const Frame& frame) const {
        return first_mfn + static_cast<std::uint64_t>(&frame - frames_);
    }

    /// What backs the frames.
    const MachineMemory& memory() const { return memory_; }
    /// Says that an owner's frame is about to be used.
    void expect_use(Mfn mfn) { memory_.expect_use(index_of(mfn) * page_size); }

    /// Writes bytes into a frame from outside of the engine (hypercalls, back ends, the builder),
    /// and drops code translated from them. All writes of ours to guest frames go through here; a
    /// page table's or descriptor frame's only through PageTables.
    void write(Mfn mfn, std::uint64_t offset, std::span<const std::byte> bytes);

    /// Machine-to-phys: one u64 per mfn from 0, in pages that belong to Xen and that every guest
    /// may read. All ones for a frame that nobody owns.
    Pfn m2p(Mfn mfn) const;
    void set_m2p(Mfn mfn, Pfn pfn);
    /// The host page behind page `n` of the machine-to-phys table; null past its end. It moves
    /// once: pages where nothing was set share one page of ones (DerivedState::xen_page_changed).
    std::byte* m2p_page(std::uint64_t n);
    std::uint64_t m2p_pages() const { return m2p_set_.size(); }

    /// Who must hear of changes. May be null (tests).
    void set_derived_state(DerivedState* listener) { listener_ = listener; }
    DerivedState* derived_state() const { return listener_; }

    /// Counts the times that everything derived from a domain's tables was dropped; a table that no
    /// walk has used since then can change without a word. The domain must have had a frame.
    std::uint64_t walk_epoch(DomainId domain) const { return walk_epochs_[domain.raw]; }
    bool was_walked(const Frame& table) const {
        return table.walk_epoch == walk_epoch(table.owner);
    }
    /// For an engine that goes on using under one root what it derived under another, because both
    /// hold the same entries: from now on changes of this root are told, too.
    void mark_walked(Mfn root) {
        Frame& table = at(root);
        table.walk_epoch = walk_epoch(table.owner);
    }
    /// Drops all translations of a domain.
    void all_pages_changed(DomainId domain);
    /// An entry of a table takes something away.
    void entry_changed(const Frame& table, unsigned index);
    /// A table is none any more, and counts as never walked.
    void table_lost(Frame& table);
    /// Bytes of `frame` were written by the hypervisor.
    void written(const Frame& frame, std::uint64_t offset, std::uint64_t length);

private:
    std::uint64_t index_of(Mfn mfn) const { return mfn.raw - first_mfn.raw; }
    void forget(Frame& frame);
    void region_changed(const Frame& table, Vaddr first, int level);
    bool keep_for_others(Mfn mfn, Frame& frame);

    Frames total_;
    MachineMemory memory_;
    HostMapping frame_memory_;
    HostMapping m2p_memory_;
    Frame* frames_;
    FreeFrames free_;
    /// No frame from here on was ever allocated: a big machine with small domains is not searched.
    std::uint64_t used_end_ = 0;
    /// Whether page n of the machine-to-phys table has memory of its own.
    std::vector<bool> m2p_set_;
    alignas(page_size) std::byte m2p_unset_[page_size];
    DerivedState* listener_ = nullptr;
    GrantedFrames granted_;
    /// By domain; those of domains that have had a frame start at 1.
    std::vector<std::uint64_t> walk_epochs_;
};

}  // namespace ring3
