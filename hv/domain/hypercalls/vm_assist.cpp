// SPDX-License-Identifier: MIT
// Behaviours that a guest turns on or off for itself.
#include "hv/abi/errors.hpp"
#include "hv/abi/xen.hpp"
#include "hv/domain/domain.hpp"
#include "hv/domain/hypercalls/handlers.hpp"

namespace ring3::hypercalls {

HypercallResult vm_assist(Vcpu& caller, const HypercallArguments& arguments) {
    constexpr auto bit = [](unsigned type) { return std::uint64_t{1} << type; };
    constexpr std::uint64_t known =
        bit(VMASST_TYPE_4gb_segments) | bit(VMASST_TYPE_4gb_segments_notify) |
        bit(VMASST_TYPE_writable_pagetables) | bit(VMASST_TYPE_pae_extended_cr3) |
        bit(VMASST_TYPE_architectural_iopl) | bit(VMASST_TYPE_runstate_update_flag) |
        bit(VMASST_TYPE_m2p_strict);
    const auto command = static_cast<std::uint32_t>(arguments[0]);
    const auto type = static_cast<std::uint32_t>(arguments[1]);
    if (type >= 64 || (known & bit(type)) == 0) return -XEN_EINVAL;

    Domain& domain = caller.domain();
    switch (command) {
        case VMASST_CMD_enable:
            domain.assists |= bit(type);
            break;
        case VMASST_CMD_disable:
            domain.assists &= ~bit(type);
            break;
        default:
            return -XEN_ENOSYS;
    }
    // The CPU asks at each store to a read-only page, so each vCPU has a copy.
    for (std::uint32_t i = 0; i < domain.vcpu_count(); ++i) {
        domain.vcpu(VcpuId{i}).cpu.table_write_assist =
            domain.has_assist(VMASST_TYPE_writable_pagetables);
    }
    return 0;
}

}  // namespace ring3::hypercalls
