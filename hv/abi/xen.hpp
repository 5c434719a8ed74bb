// SPDX-License-Identifier: MIT
// The core of Xen's ABI: hypercall numbers, shared_info, vcpu_info, start_info, trap tables, the
// arguments of mmu_update, mmuext_op and multicall, the frame of the iret hypercall.
#pragma once

#include "hv/abi/interface_version.hpp"

extern "C" {
#include <xen/xen.h>
}

#include "hv/base/units.hpp"

static_assert(sizeof(vcpu_info) == 64);
static_assert(offsetof(vcpu_info, evtchn_upcall_pending) == 0);
static_assert(offsetof(vcpu_info, evtchn_upcall_mask) == 1);
static_assert(offsetof(vcpu_info, evtchn_pending_sel) == 8);
static_assert(offsetof(vcpu_info, arch.cr2) == 0x10);
static_assert(offsetof(vcpu_info, time) == 0x20);

static_assert(sizeof(vcpu_time_info) == 32);
static_assert(offsetof(vcpu_time_info, tsc_timestamp) == 8);
static_assert(offsetof(vcpu_time_info, system_time) == 0x10);
static_assert(offsetof(vcpu_time_info, tsc_to_system_mul) == 0x18);
static_assert(offsetof(vcpu_time_info, tsc_shift) == 0x1c);
static_assert(offsetof(vcpu_time_info, flags) == 0x1d);

static_assert(offsetof(shared_info, evtchn_pending) == 0x800);
static_assert(offsetof(shared_info, evtchn_mask) == 0xa00);
static_assert(offsetof(shared_info, wc_version) == 0xc00);
static_assert(offsetof(shared_info, wc_sec) == 0xc04);
static_assert(offsetof(shared_info, wc_nsec) == 0xc08);
static_assert(offsetof(shared_info, wc_sec_hi) == 0xc0c);
static_assert(offsetof(shared_info, arch.max_pfn) == 0xc10);
static_assert(offsetof(shared_info, arch.pfn_to_mfn_frame_list_list) == 0xc18);
static_assert(offsetof(shared_info, arch.p2m_cr3) == 0xc28);
static_assert(offsetof(shared_info, arch.p2m_vaddr) == 0xc30);
static_assert(offsetof(shared_info, arch.p2m_generation) == 0xc38);

static_assert(sizeof(start_info) == 0x490);
static_assert(offsetof(start_info, nr_pages) == 0x20);
static_assert(offsetof(start_info, shared_info) == 0x28);
static_assert(offsetof(start_info, flags) == 0x30);
static_assert(offsetof(start_info, store_mfn) == 0x38);
static_assert(offsetof(start_info, store_evtchn) == 0x40);
static_assert(offsetof(start_info, console.domU.mfn) == 0x48);
static_assert(offsetof(start_info, console.domU.evtchn) == 0x50);
static_assert(offsetof(start_info, pt_base) == 0x58);
static_assert(offsetof(start_info, nr_pt_frames) == 0x60);
static_assert(offsetof(start_info, mfn_list) == 0x68);
static_assert(offsetof(start_info, mod_start) == 0x70);
static_assert(offsetof(start_info, mod_len) == 0x78);
static_assert(offsetof(start_info, cmd_line) == 0x80);
static_assert(offsetof(start_info, first_p2m_pfn) == 0x480);
static_assert(offsetof(start_info, nr_p2m_frames) == 0x488);

static_assert(sizeof(mmu_update) == 16);
static_assert(sizeof(mmuext_op) == 24);
static_assert(offsetof(mmuext_op, arg1) == 8 && offsetof(mmuext_op, arg2) == 16);
static_assert(sizeof(multicall_entry) == 64);
static_assert(sizeof(trap_info) == 16);
static_assert(offsetof(trap_info, address) == 8);
static_assert(sizeof(vcpu_guest_context) == 5168);
static_assert(sizeof(iret_context) == 72);

namespace ring3::abi {

constexpr DomainId domid_self{DOMID_SELF};
/// Identities from here on have meanings of their own.
constexpr DomainId first_reserved_domid{DOMID_FIRST_RESERVED};

/// A guest's pointer inside of an argument structure (XEN_GUEST_HANDLE) is a number to us, never
/// dereferenced.
template <class Handle>
Vaddr address_of(const Handle& handle) {
    return {reinterpret_cast<std::uintptr_t>(handle.p)};
}

/// Xen's version as XENVER_version and CPUID give it.
constexpr std::uint32_t xen_version = 0x0004'0011;

/// In the count of mmu_update and mmuext_op: the call goes on where it was interrupted.
constexpr std::uint32_t mmu_update_preempted = 0x8000'0000;

}  // namespace ring3::abi
