// SPDX-License-Identifier: MIT
// The machine's frames: who owns each, what it is used as, how often, and what backs it. An mfn is a
// name: only this table knows the host memory behind it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "hv/base/units.hpp"

namespace ring3 {

class DerivedState;

/// What a frame is used as. Exclusive: a frame has one type while its type count is not zero
/// (Xen's PGT_* types). `writable` = mapped writable at least once; `none` = type count is zero.
enum class PageType : std::uint8_t { none, writable, l1, l2, l3, l4, segment_descriptors };

/// One machine frame.
/// Invariants: type_count == 0 <=> type == none; pinned adds one to type_count and to ref_count;
/// ref_count >= type_count; host is null only when the frame is free or absent.
struct Frame {
    std::byte* host = nullptr;
    DomainId owner{};
    PageType type = PageType::none;
    bool pinned = false;
    /// The frame belongs to `owner` (false: free).
    bool allocated = false;
    /// Set and cleared by the engine alone: blocks translated from this frame exist, so that a store
    /// to it must take the slow path and `DerivedState::frame_written` must be told.
    bool has_code = false;
    std::uint32_t type_count = 0;
    std::uint32_t ref_count = 0;
    /// For a frame used as an L1 table: the virtual address that its entry 0 translated in the walks
    /// that used it; unknown until the first walk, ambiguous when walks disagreed. Tells which page
    /// a changed entry was derived for. For L2 to L4: whether any walk used it (known/unknown).
    static constexpr std::uint64_t no_walk_yet = 1;
    static constexpr std::uint64_t several_places = 2;
    std::uint64_t walked_at = no_walk_yet;
};

/// All frames of one machine, and the machine-to-phys table that guests read.
class FrameTable {
public:
    /// A machine of `total` frames. Host memory is reserved at once, and populated on first touch.
    explicit FrameTable(Frames total);
    ~FrameTable();
    FrameTable(const FrameTable&) = delete;
    FrameTable& operator=(const FrameTable&) = delete;

    Frames total() const;
    Frames free() const;

    /// A zeroed frame for this domain; lowest free mfn first, so that a run repeats. Empty when the
    /// machine is full.
    std::optional<Mfn> allocate(DomainId owner);
    /// Gives the frame back and zeroes it. Its counts must be zero.
    void release(Mfn mfn);

    /// The frame, or null when the machine has no such frame (mfn from a guest: check this).
    Frame* find(Mfn mfn);
    /// The frame; it must exist.
    Frame& at(Mfn mfn);

    /// Writes bytes into a frame from outside of the engine (hypercalls, back ends, the builder), and
    /// drops code translated from them. All writes of ours to guest frames go through here.
    void write(Mfn mfn, std::uint64_t offset, std::span<const std::byte> bytes);

    /// Machine-to-phys: one u64 per mfn, in frames that belong to Xen and that every guest may read.
    Pfn m2p(Mfn mfn) const;
    void set_m2p(Mfn mfn, Pfn pfn);
    /// The host page behind page `n` of the machine-to-phys table; null past its end.
    std::byte* m2p_page(std::uint64_t n);
    std::uint64_t m2p_pages() const;

    /// Who must hear of changes. May be null (tests).
    void set_derived_state(DerivedState* listener);
    DerivedState* derived_state() const;

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace ring3
