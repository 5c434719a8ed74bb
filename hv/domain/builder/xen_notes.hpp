// SPDX-License-Identifier: MIT
// What a kernel says of itself to Xen: its ELF notes (xen/elfnote.h), or the string that kernels
// before 2.6.20 carried in the section __xen_guest.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "hv/base/units.hpp"
#include "hv/domain/builder/elf.hpp"

namespace ring3 {

/// Empty: the kernel does not say. Names as in xen/elfnote.h.
struct XenNotes {
    std::optional<Vaddr> entry;
    std::optional<Vaddr> hypercall_page;
    std::optional<Vaddr> virt_base;
    /// Physical address (p_paddr) that stands for virt_base.
    std::optional<std::uint64_t> paddr_offset;
    std::optional<Vaddr> hv_start_low;
    /// Where the kernel wants its p2m list mapped.
    std::optional<Vaddr> init_p2m;
    std::string xen_version, guest_os, guest_version, loader, pae_mode;
    /// Bits XENFEAT_* of submap 0. What is required is supported too.
    std::uint32_t required_features = 0, supported_features = 0;
    std::uint64_t l1_mfn_valid_mask = 0, l1_mfn_valid_value = 0;
    /// The kernel copes with an initrd that is not mapped (MOD_START_PFN).
    bool initrd_may_be_unmapped = false;
    bool wants_symbol_table = false;
    /// Read from __xen_guest: then PADDR_OFFSET is virt_base unless given.
    bool legacy = false;
};

/// The notes of a PV kernel. Throws ConfigError: damaged notes, none, those of a kernel without PV
/// support, or such as need something that this hypervisor does not offer.
XenNotes read_xen_notes(const Elf& elf, std::string_view what);

}  // namespace ring3
