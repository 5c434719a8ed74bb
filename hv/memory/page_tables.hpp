// SPDX-License-Identifier: MIT
// Direct page tables: the reference and type counts that Xen keeps for each frame, the validation
// of page tables, and every change of an entry. Guests name machine frames in their tables; this is
// the accounting that makes it sound. (Barham et al., "Xen and the Art of Virtualization", 3.3.3.)
#pragma once

#include <cstdint>

#include "hv/base/units.hpp"
#include "hv/memory/frame_table.hpp"

namespace ring3 {

/// How an entry is to be written (mmu_update's command bits).
enum class EntryUpdate : std::uint8_t { normal, preserve_accessed_dirty };

/// All results named `int` are 0 or a negative Xen errno (-EINVAL, -EPERM, -EBUSY...), as the real
/// hypervisor would answer. A refused operation leaves no reference behind; a table whose
/// validation failed half way may keep the bits that Xen adds to the entries before the bad one
/// (Xen does too).
///
/// What holds, and check_page_accounting() verifies:
///  - a present L1 entry holds a reference on its frame, and a writable type reference where it has
///  RW;
///  - a present L2..L4 entry holds a reference and a type reference on a table one level down;
///  - only entries of frames whose type is a table hold anything; table and frame have one owner,
///  but for L1 entries made by map_granted(), whose references GrantedFrames counts once more.
/// So a frame used as a table has no writable mapping, hence no translation through which a guest
/// could store into it; translated code of it is dropped by FrameTable::written when an entry
/// changes.
class PageTables {
public:
    explicit PageTables(FrameTable& frames) : frames_(frames) {}

    /// Types `mfn` as a table of level 1..4 (validating it recursively) and adds a type reference.
    int get_table(DomainId domain, Mfn mfn, int level);
    /// Drops a type reference; the last one unvalidates the table and drops what it references.
    void put_table(Mfn mfn);
    /// MMUEXT_PIN_Lx_TABLE / MMUEXT_UNPIN_TABLE.
    int pin(DomainId domain, Mfn mfn, int level);
    int unpin(DomainId domain, Mfn mfn);
    /// MMUEXT_NEW_BASEPTR, MMUEXT_NEW_USER_BASEPTR: `root` (0: none) holds a reference on an L4
    /// table, which moves to `next`. -EINVAL for next = 0; dropping a user root is put_table's job.
    int replace_root(DomainId domain, Mfn& root, Mfn next);

    /// mmu_update of one entry at a machine address: into a table of any level, or, where the frame
    /// is not a table, an ordinary checked store (Xen does the same). `value` is in the guest's
    /// form.
    int update(DomainId domain, Maddr entry, std::uint64_t value, EntryUpdate how);
    /// update_va_mapping: the L1 entry that maps `va` under `root`. -EINVAL when there is none.
    int update_va(DomainId domain, Mfn root, Vaddr va, std::uint64_t value);
    /// A guest's own store of `size` bytes (1..8, inside one entry) into an L1 table, accounted as
    /// update(). When refused, the guest gets the page fault that its read-only mapping calls for.
    int store(DomainId domain, Maddr address, std::uint64_t value, unsigned size);
    /// MMU_MACHPHYS_UPDATE.
    int set_machphys(DomainId domain, Maddr address, Pfn pfn);
    /// MMUEXT_CLEAR_PAGE, MMUEXT_COPY_PAGE: the target must be no table.
    int clear_page(DomainId domain, Mfn mfn);
    int copy_page(DomainId domain, Mfn to, Mfn from);

    /// Frames used as GDT (set_gdt): typed segment_descriptors. Descriptors are checked, and their
    /// DPL forced to 3, in place.
    int get_descriptors(DomainId domain, Mfn mfn);
    void put_descriptors(Mfn mfn);
    /// update_descriptor: of a GDT frame in use, or an ordinary checked store.
    int update_descriptor(DomainId domain, Maddr address, std::uint64_t descriptor);

    /// A plain reference that keeps a frame from being freed (vcpu_info, runstate, rings). -EINVAL
    /// when it is not the domain's.
    int get_page(DomainId domain, Mfn mfn);
    void put_page(Mfn mfn);
    /// A reference that also needs the frame to be writable (no table, no descriptors).
    int get_writable_page(DomainId domain, Mfn mfn);
    void put_writable_page(Mfn mfn);
    /// The domain gives a frame up (decrease_reservation): it is freed with its last reference.
    int give_up(DomainId domain, Mfn mfn);

    /// A reference of `user` on a frame that `owner` granted to it (or to itself), for as long as
    /// the grant is in use: a mapping for devices, a native back end. -EINVAL: it is not `owner`'s,
    /// or not writable.
    int get_granted(DomainId user, DomainId owner, Mfn mfn, GrantAccess access);
    void put_granted(DomainId user, Mfn mfn, GrantAccess access);
    /// Makes the L1 entry at this machine address name a frame that `owner` granted to `domain`;
    /// the entry holds the references. GrantedFrames::allow must have been called, or the walk will
    /// not let the domain use it. -EBUSY: no reference is to be had; -EINVAL: no L1 entry.
    int map_granted(DomainId domain, Maddr address, std::uint64_t entry, DomainId owner);
    /// Takes such an entry away. -EINVAL: it does not name this frame with these rights. What
    /// `replacement` refers to goes over to the table.
    int unmap_granted(DomainId domain, Maddr address, Mfn mfn, GrantAccess access,
                      std::uint64_t replacement);
    /// Empties an L1 entry, whose references are the caller's from then on: for unmap_granted() or
    /// drop_entry().
    int take_entry(DomainId domain, Maddr address, std::uint64_t& entry);
    void drop_entry(DomainId domain, std::uint64_t entry);

    /// Gives back every frame of a domain that is gone. Frames on which others hold references by
    /// grants stay until the last of these goes.
    void release_all(DomainId domain);

    FrameTable& frames() { return frames_; }

private:
    Frame* l1_table_at(DomainId domain, Maddr entry);
    int update_entry(Frame& table, unsigned index, std::uint64_t value);
    void write_entry(Frame& table, unsigned index, std::uint64_t value);
    int get_entry(DomainId domain, std::uint64_t entry, int level);
    /// `domain` owns the table that held the entry.
    void put_entry(DomainId domain, std::uint64_t entry, int level);
    int get_l1_entry(DomainId domain, std::uint64_t entry);
    int validate(Frame& table);
    void unvalidate(Frame& table);

    Frame* owned(DomainId domain, Mfn mfn);
    void put_page(Frame& frame);
    bool get_type(Frame& frame, PageType type);
    /// True when this was the last type reference.
    bool put_type(Frame& frame);

    FrameTable& frames_;
};

/// Whether a guest may have this descriptor in its GDT; sets its DPL to 3. Not present, code and
/// data segments only: no gates, TSS or LDT.
bool check_descriptor(std::uint64_t& descriptor);

}  // namespace ring3
