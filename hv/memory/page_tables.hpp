// SPDX-License-Identifier: MIT
// Direct page tables: the reference and type counts that Xen keeps for each frame, the validation of
// page tables, and every change of an entry. Guests name machine frames in their tables; this is the
// accounting that makes it sound. (Barham et al., "Xen and the Art of Virtualization", 3.3.3.)
#pragma once

#include <cstdint>

#include "hv/base/units.hpp"
#include "hv/memory/frame_table.hpp"

namespace ring3 {

/// How an entry is to be written (mmu_update's command bits).
enum class EntryUpdate : std::uint8_t { normal, preserve_accessed_dirty };

/// All results named `int` are 0 or a negative Xen errno (-EINVAL, -EPERM, -EBUSY...), as the real
/// hypervisor would answer.
class PageTables {
public:
    explicit PageTables(FrameTable& frames);

    /// Types `mfn` as a table of level 1..4 (validating it recursively) and adds a type reference.
    int get_table(DomainId domain, Mfn mfn, int level);
    /// Drops a type reference; the last one unvalidates the table and drops what it references.
    void put_table(Mfn mfn);
    /// MMUEXT_PIN_Lx_TABLE / MMUEXT_UNPIN_TABLE.
    int pin(DomainId domain, Mfn mfn, int level);
    int unpin(DomainId domain, Mfn mfn);

    /// mmu_update of one entry at a machine address: into a table of any level, or, where the frame
    /// is not a table, an ordinary checked store (Xen does the same). `value` is in the guest's form.
    int update(DomainId domain, Maddr entry, std::uint64_t value, EntryUpdate how);
    /// A guest's own store of `size` bytes (1..8, inside one entry) into an L1 table, accounted as update().
    int store(DomainId domain, Maddr address, std::uint64_t value, unsigned size);

    /// Frames used as GDT (set_gdt): typed segment_descriptors.
    int get_descriptors(DomainId domain, Mfn mfn);
    void put_descriptors(Mfn mfn);

    /// A plain reference that keeps a frame from being freed (vcpu_info, runstate, rings). -EINVAL
    /// when it is not the domain's.
    int get_page(DomainId domain, Mfn mfn);
    void put_page(Mfn mfn);
    /// A reference that also needs the frame to be writable (no table, no descriptors).
    int get_writable_page(DomainId domain, Mfn mfn);
    void put_writable_page(Mfn mfn);

    FrameTable& frames() { return frames_; }

private:
    FrameTable& frames_;
};

}  // namespace ring3
