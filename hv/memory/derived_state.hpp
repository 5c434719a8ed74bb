// SPDX-License-Identifier: MIT
// What is derived from page tables and frames (TLB entries, fetch translations, translated code),
// and must be dropped the moment its source changes: the TLB is invisible to guests.
#pragma once

#include "hv/base/units.hpp"

namespace ring3 {

/// Told of every change that can make derived state stale. Called by hv/memory, after the change
/// and before the guest runs its next instruction; implemented by engines. No call may call back
/// into hv/memory.
class DerivedState {
public:
    virtual ~DerivedState() = default;

    /// A present leaf entry of this domain for this page changed or went away, in some address
    /// space: drop it in all of the domain's, on all of its vCPUs.
    virtual void page_changed(DomainId domain, Vaddr page) = 0;
    /// The same for this many pages from `first` on: what an upper entry leads to, or a whole
    /// table.
    virtual void region_changed(DomainId domain, Vaddr first, std::uint64_t pages) = 0;
    /// This root is no root any more: drop what was derived under it, if it is still in use. The
    /// tables below it are told by themselves.
    virtual void root_lost(DomainId domain, Mfn root) = 0;
    /// Present entries changed for pages that cannot be named so: drop every translation
    /// of this domain, of every root. hv/memory counts on it (FrameTable::walk_epoch).
    virtual void all_pages_changed(DomainId domain) = 0;
    /// This page of the machine-to-phys table has moved: drop it for every domain.
    virtual void xen_page_changed(Vaddr page) = 0;
    /// Rights to this frame were taken away (freed, shared, retyped): drop each translation to it,
    /// of its owner and of whom it was granted to, and each block of code translated from it. The
    /// frame still has its owner and its backing during the call.
    virtual void frame_lost(Mfn frame) = 0;
    /// Bytes of a frame whose `Frame::has_code` is set were written other than by the engine.
    virtual void frame_written(Mfn frame, std::uint64_t offset, std::uint64_t length) = 0;
};

}  // namespace ring3
