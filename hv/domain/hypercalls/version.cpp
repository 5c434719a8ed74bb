// SPDX-License-Identifier: MIT
// Which Xen this is. To guests it is 4.17, as measured; who really made it stands in the compile
// information and the change set.
#include <array>
#include <string_view>

#include "hv/abi/errors.hpp"
#include "hv/abi/version.hpp"
#include "hv/abi/xen.hpp"
#include "hv/domain/domain.hpp"
#include "hv/domain/hypercalls/guest_copy.hpp"
#include "hv/domain/hypercalls/handlers.hpp"

namespace ring3::hypercalls {

namespace {

constexpr std::uint32_t features =
    1u << XENFEAT_mmu_pt_update_preserve_ad | 1u << XENFEAT_highmem_assist |
    1u << XENFEAT_gnttab_map_avail_bits | 1u << XENFEAT_memory_op_vnode_supported |
    1u << XENFEAT_direct_mapped;
static_assert(features == 0x0002'20e0, "what Xen 4.17 was seen to answer at least");

template <std::size_t size>
void set(char (&field)[size], std::string_view text) {
    text.copy(field, size - 1);
}

template <std::size_t size>
int give_text(Vcpu& caller, std::uint64_t address, std::string_view text) {
    std::array<char, size> field{};
    text.copy(field.data(), size - 1);
    return copy_to_guest(caller, address, field) ? 0 : -XEN_EFAULT;
}

int compile_info(Vcpu& caller, std::uint64_t address) {
    xen_compile_info_t info{};
    set(info.compiler, "ring3");
    set(info.compile_by, "ring3");
    set(info.compile_domain, "ring3");
    set(info.compile_date, "(not recorded)");
    return copy_to_guest(caller, address, info) ? 0 : -XEN_EFAULT;
}

int get_features(Vcpu& caller, std::uint64_t address) {
    xen_feature_info_t info;
    if (!copy_from_guest(caller, address, info)) return -XEN_EFAULT;
    if (info.submap_idx >= XENFEAT_NR_SUBMAPS) return -XEN_EINVAL;
    info.submap = features;
    // 64-bit guests have no use for it; the bit follows what they asked for, as in Xen.
    if (caller.domain().has_assist(VMASST_TYPE_pae_extended_cr3)) {
        info.submap |= 1u << XENFEAT_pae_pgdir_above_4gb;
    }
    return copy_to_guest(caller, address, info) ? 0 : -XEN_EFAULT;
}

}  // namespace

HypercallResult xen_version(Vcpu& caller, const HypercallArguments& arguments) {
    const std::uint64_t address = arguments[1];
    switch (static_cast<std::uint32_t>(arguments[0])) {
        case XENVER_version:
            return abi::xen_version;
        case XENVER_extraversion:
            return give_text<XEN_EXTRAVERSION_LEN>(caller, address, ".7");
        case XENVER_compile_info:
            return compile_info(caller, address);
        case XENVER_capabilities:
            return give_text<XEN_CAPABILITIES_INFO_LEN>(caller, address, "xen-3.0-x86_64 ");
        case XENVER_changeset:
            return give_text<XEN_CHANGESET_INFO_LEN>(caller, address, "ring3");
        case XENVER_platform_parameters: {
            const xen_platform_parameters_t parameters{.virt_start = HYPERVISOR_VIRT_START};
            return copy_to_guest(caller, address, parameters) ? 0 : -XEN_EFAULT;
        }
        case XENVER_get_features:
            return get_features(caller, address);
        case XENVER_pagesize:
            return address == 0 ? static_cast<std::int64_t>(page_size) : -XEN_EINVAL;
        case XENVER_guest_handle:
            return copy_to_guest(caller, address, caller.domain().uuid()) ? 0 : -XEN_EFAULT;
        case XENVER_commandline: {
            constexpr std::string_view denied = "<denied>";
            return give_text<denied.size() + 1>(caller, address, denied);
        }
        case XENVER_build_id:
            return -XEN_EPERM;  // for privileged domains
        default:
            return -XEN_ENOSYS;
    }
}

}  // namespace ring3::hypercalls
