// SPDX-License-Identifier: MIT
// What a cost model puts a price on: events of the architecture and of the ABI, and nothing that an
// engine does inside. iret, the way back of the others, is in their price.
#pragma once

#include <cstddef>
#include <cstdint>

namespace ring3 {

enum class Cost : std::uint8_t {
    instruction,     ///< one that retired
    system_call,     ///< user mode's SYSCALL, into the guest kernel and back
    hypercall,       ///< into the hypervisor and back, once for a multicall; not iret
    exception,       ///< a fault, trap or INT n that the guest kernel gets, and back
    interrupt,       ///< an entry into the guest's event callback, or an NMI, and back
    cr3_load,        ///< MMUEXT_NEW_BASEPTR
    flush,           ///< a TLB flush that the guest asked for
    table_update,    ///< one page-table entry changed by hypercall
    frame,           ///< one frame given to a domain by hypercall
    context_switch,  ///< another vCPU gets the pCPU than the one that had it last
    cold_cache,      ///< the most that a vCPU loses to caches which others have filled meanwhile
    io_request,      ///< Domain-0's work for one request of a device
    io_byte,         ///< and for one byte
};
constexpr std::size_t cost_count = 13;

}  // namespace ring3
