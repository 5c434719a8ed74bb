// SPDX-License-Identifier: MIT
// Grant tables: a guest sets up its own, version 1, and copies by the grants of others. It cannot
// map them yet: each such operation is answered by its own status.
#include "hv/abi/errors.hpp"
#include "hv/abi/grant_table.hpp"
#include "hv/domain/domain.hpp"
#include "hv/domain/hypercalls/grant_copy.hpp"
#include "hv/domain/hypercalls/guest_copy.hpp"
#include "hv/domain/hypercalls/handlers.hpp"

namespace ring3::hypercalls {

namespace {

/// GNTST_okay for the guest itself.
std::int16_t check_domain(Vcpu& caller, domid_t id) {
    const DomainId domain{id};
    if (domain == abi::domid_self || domain == caller.domain().id()) return GNTST_okay;
    const bool exists =
        domain == domain0 || caller.domain().hypervisor().find_domain(domain) != nullptr;
    return exists ? GNTST_permission_denied : GNTST_bad_domain;
}

std::int16_t set_up(Vcpu& caller, const gnttab_setup_table_t& request) {
    if (const std::int16_t refused = check_domain(caller, request.dom)) return refused;
    GrantTable& grants = caller.domain().grants();
    if (!grants.grow(request.nr_frames)) return GNTST_general_error;
    for (std::uint32_t i = 0; i < request.nr_frames; ++i) {
        const std::uint64_t at = abi::address_of(request.frame_list).raw + i * sizeof(xen_pfn_t);
        if (!copy_to_guest(caller, at, grants.frames()[i].raw)) return GNTST_bad_virt_addr;
    }
    return GNTST_okay;
}

int setup_table(Vcpu& caller, std::uint64_t address) {
    gnttab_setup_table_t request;
    if (!copy_from_guest(caller, address, request)) return -XEN_EFAULT;
    request.status = set_up(caller, request);
    return copy_to_guest(caller, address, request) ? 0 : -XEN_EFAULT;
}

int query_size(Vcpu& caller, std::uint64_t address) {
    gnttab_query_size_t request;
    if (!copy_from_guest(caller, address, request)) return -XEN_EFAULT;
    request.status = check_domain(caller, request.dom);
    if (request.status == GNTST_okay) {
        // The first frame is made when it is first asked for, but belongs to every domain.
        const auto frames = caller.domain().grants().frames().size();
        request.nr_frames = frames == 0 ? 1 : static_cast<std::uint32_t>(frames);
        request.max_nr_frames = GrantTable::max_frames;
    }
    return copy_to_guest(caller, address, request) ? 0 : -XEN_EFAULT;
}

/// Version 2 as Xen refuses it with gnttab=max-ver:1.
int set_version(Vcpu& caller, std::uint64_t address) {
    gnttab_set_version_t request;
    if (!copy_from_guest(caller, address, request)) return -XEN_EFAULT;
    const int result = request.version == 1 ? 0 : request.version == 2 ? -XEN_ENOSYS : -XEN_EINVAL;
    request.version = caller.domain().grants().version();
    return copy_to_guest(caller, address, request) ? result : -XEN_EFAULT;
}

int get_version(Vcpu& caller, std::uint64_t address) {
    gnttab_get_version_t request;
    if (!copy_from_guest(caller, address, request)) return -XEN_EFAULT;
    const std::int16_t refused = check_domain(caller, request.dom);
    if (refused != GNTST_okay) return refused == GNTST_bad_domain ? -XEN_ESRCH : -XEN_EPERM;
    request.version = caller.domain().grants().version();
    return copy_to_guest(caller, address, request) ? 0 : -XEN_EFAULT;
}

std::int16_t status_of(const gnttab_map_grant_ref_t& request, Vcpu& caller) {
    if ((request.flags & (GNTMAP_device_map | GNTMAP_host_map)) == 0) return GNTST_bad_gntref;
    const std::int16_t named = check_domain(caller, request.dom);
    return named == GNTST_bad_domain ? GNTST_bad_domain : GNTST_general_error;
}
std::int16_t status_of(const gnttab_unmap_grant_ref_t&, Vcpu&) { return GNTST_bad_handle; }
std::int16_t status_of(const gnttab_unmap_and_replace_t&, Vcpu&) { return GNTST_bad_handle; }
std::int16_t status_of(const gnttab_transfer_t& request, Vcpu& caller) {
    const std::int16_t named = check_domain(caller, request.domid);
    return named == GNTST_bad_domain ? GNTST_bad_domain : GNTST_general_error;
}
std::int16_t status_of(const gnttab_copy_t& request, Vcpu& caller) {
    return copy_grant(caller, request);
}
std::int16_t status_of(const gnttab_swap_grant_ref_t& request, Vcpu& caller) {
    const GrantTable& grants = caller.domain().grants();
    const bool both_exist = grants.entry(request.ref_a) && grants.entry(request.ref_b);
    return both_exist ? GNTST_general_error : GNTST_bad_gntref;
}

/// An array of requests, each with a status of its own.
template <class Request>
HypercallResult answer_each(Vcpu& caller, const HypercallArguments& arguments,
                            std::uint32_t count) {
    std::uint32_t i = 0;
    for (; i < count && i < items_per_call; ++i) {
        const std::uint64_t at = arguments[1] + i * sizeof(Request);
        Request request;
        if (!copy_from_guest(caller, at, request)) return -XEN_EFAULT;
        request.status = status_of(request, caller);
        if (!copy_to_guest(caller, at, request)) return -XEN_EFAULT;
    }
    if (i == count) return 0;
    HypercallArguments rest = arguments;
    rest[1] += i * sizeof(Request);
    rest[2] = count - i;
    return HypercallResult::again(rest);
}

}  // namespace

HypercallResult grant_table_op(Vcpu& caller, const HypercallArguments& arguments) {
    const auto count = static_cast<std::uint32_t>(arguments[2]);
    if (static_cast<std::int32_t>(count) < 0) return -XEN_EINVAL;
    const std::uint64_t address = arguments[1];
    switch (static_cast<std::uint32_t>(arguments[0])) {
        case GNTTABOP_map_grant_ref:
            return answer_each<gnttab_map_grant_ref_t>(caller, arguments, count);
        case GNTTABOP_unmap_grant_ref:
            return answer_each<gnttab_unmap_grant_ref_t>(caller, arguments, count);
        case GNTTABOP_unmap_and_replace:
            return answer_each<gnttab_unmap_and_replace_t>(caller, arguments, count);
        case GNTTABOP_transfer:
            return answer_each<gnttab_transfer_t>(caller, arguments, count);
        case GNTTABOP_copy:
            return answer_each<gnttab_copy_t>(caller, arguments, count);
        case GNTTABOP_swap_grant_ref:
            return answer_each<gnttab_swap_grant_ref_t>(caller, arguments, count);
        case GNTTABOP_setup_table:
            return count == 1 ? setup_table(caller, address) : -XEN_EINVAL;
        case GNTTABOP_query_size:
            return count == 1 ? query_size(caller, address) : -XEN_EINVAL;
        case GNTTABOP_set_version:
            return count == 1 ? set_version(caller, address) : -XEN_EINVAL;
        case GNTTABOP_get_version:
            return count == 1 ? get_version(caller, address) : -XEN_EINVAL;
        default:  // among them get_status_frames, which is of version 2
            return -XEN_ENOSYS;
    }
}

}  // namespace ring3::hypercalls
