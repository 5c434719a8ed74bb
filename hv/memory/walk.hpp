// SPDX-License-Identifier: MIT
// The page walk: from a root table and a virtual address to a frame, with the rights asked for. The
// only place where a guest-visible translation comes into being, so the only place where isolation
// is decided: the frame found must belong to the domain (or be granted to it) with these rights.
#pragma once

#include <cstdint>
#include <optional>

#include "hv/base/units.hpp"
#include "hv/memory/frame_table.hpp"

namespace ring3 {

enum class Access : std::uint8_t { read, write, execute };

/// Page-fault error code bits (SDM vol. 3, 4.7). The user bit is the caller's to add: under Xen it
/// says "guest user mode", which the tables do not know.
namespace fault_bits {
constexpr std::uint32_t present = 1, write = 2, user = 4, reserved = 8, fetch = 16;
}

struct WalkResult {
    enum class Kind : std::uint8_t {
        mapped,       ///< `host`, `mfn` and `writable` hold
        fault,        ///< `error_code` holds
        table_write,  ///< a write to a read-only mapping of an L1 table (`mfn`): the hypervisor
                      ///< makes it
    };
    Kind kind = Kind::fault;
    /// Stores through this translation are allowed from now on (RW on all levels and D now set).
    bool writable = false;
    std::uint32_t error_code = 0;
    /// invalid_mfn for a page of the machine-to-phys table, which is no frame (and never writable).
    Mfn mfn{};
    /// Start of the page in host memory.
    std::byte* host = nullptr;
};

/// Start of the machine-to-phys table in every address space (xen.h: HYPERVISOR_VIRT_START).
constexpr Vaddr m2p_start{0xffff'8000'0000'0000};
/// End of the hole that belongs to Xen: L4 slots 256 to 271.
constexpr Vaddr xen_hole_end{0xffff'8800'0000'0000};
constexpr bool is_in_xen_hole(Vaddr va) { return va >= m2p_start && va < xen_hole_end; }

/// Translates `va` under the L4 table `root` for `domain`. Sets A bits on the way and D for a
/// write, exactly as hardware would, and only when the access is allowed. Does not look at the US
/// bit: a PV guest's mode chooses its root instead. `va` must be canonical. `table_write` is
/// returned for a write (by a guest whose `table_write_assist` is on) to a present read-only entry
/// whose frame is a validated L1 table of this domain. A `mapped` result may be kept until
/// DerivedState says otherwise.
WalkResult walk(FrameTable& frames, Mfn root, Vaddr va, Access access, DomainId domain,
                bool table_write_assist);

/// The same question without a trace: no A or D bit is set (so `writable` holds only where D is set
/// already), and no change will be told, so the answer is not to be kept. For looking ahead.
WalkResult probe(FrameTable& frames, Mfn root, Vaddr va, Access access, DomainId domain);

/// Where the L1 entry of `va` stands, present or not; empty where no L1 table covers it.
std::optional<Maddr> find_l1_entry(FrameTable& frames, Mfn root, Vaddr va, DomainId domain);

}  // namespace ring3
