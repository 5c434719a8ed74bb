// SPDX-License-Identifier: MIT
// Grant tables: a guest sets up its own, version 1, and maps and copies by the grants of others.
// Transfers are refused: Linux stopped to use them long ago.
#include <algorithm>

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

void act_on(Vcpu& caller, gnttab_map_grant_ref_t& request) {
    caller.domain().grants().mappings().map(caller, request);
}
void act_on(Vcpu& caller, gnttab_unmap_grant_ref_t& request) {
    request.status =
        caller.domain().grants().mappings().unmap(caller, {.handle = request.handle,
                                                           .host_addr = request.host_addr,
                                                           .dev_bus_addr = request.dev_bus_addr});
}
void act_on(Vcpu& caller, gnttab_unmap_and_replace_t& request) {
    request.status = caller.domain().grants().mappings().unmap(
        caller,
        {.handle = request.handle, .host_addr = request.host_addr, .new_addr = request.new_addr});
}
void act_on(Vcpu&, gnttab_transfer_t& request) {
    // The one status that says: the page is still yours.
    request.status = GNTST_bad_page;
}
void act_on(Vcpu& caller, gnttab_copy_t& request) { request.status = copy_grant(caller, request); }
void act_on(Vcpu& caller, gnttab_swap_grant_ref_t& request) {
    request.status = caller.domain().grants().swap(request.ref_a, request.ref_b);
}

/// An array of requests, each with a status of its own.
template <class Request>
HypercallResult act_on_each(Vcpu& caller, const HypercallArguments& arguments,
                            std::uint32_t count) {
    std::uint32_t i = 0;
    for (; i < count && i < items_per_call; ++i) {
        const std::uint64_t at = arguments[1] + i * sizeof(Request);
        Request request;
        if (!copy_from_guest(caller, at, request)) return -XEN_EFAULT;
        act_on(caller, request);
        if (!copy_to_guest(caller, at, request)) return -XEN_EFAULT;
    }
    if (i == count) return 0;
    HypercallArguments rest = arguments;
    rest[1] += i * sizeof(Request);
    rest[2] = count - i;
    return HypercallResult::again(rest);
}

/// What the CPU's caches hold is never seen here, so there is nothing to flush; x86 cannot discard
/// lines without writing them back.
int flush_cache(Vcpu& caller, const gnttab_cache_flush_t& request) {
    constexpr std::uint32_t known = GNTTAB_CACHE_CLEAN | GNTTAB_CACHE_INVAL;
    if (request.offset >= page_size || request.offset + request.length > page_size ||
        (request.op & ~known) != 0) {
        return -XEN_EINVAL;
    }
    if (request.length == 0 || request.op == 0) return 0;
    Domain& domain = caller.domain();
    const Mfn mfn = mfn_of(Maddr{request.a.dev_bus_addr});
    const Frame* const frame = domain.frames().find(mfn);
    if (frame == nullptr) return -XEN_EINVAL;
    if (!frame->allocated) return -XEN_EPERM;
    if (frame->owner != domain.id() &&
        std::ranges::none_of(domain.grants().mappings().all(), [&](const auto& mapping) {
            return mapping.mfn == mfn && (mapping.host || mapping.device);
        })) {
        return -XEN_EINVAL;
    }
    return request.op == GNTTAB_CACHE_INVAL ? -XEN_EOPNOTSUPP : 0;
}

HypercallResult cache_flush(Vcpu& caller, const HypercallArguments& arguments,
                            std::uint32_t count) {
    // Each looks through all that the guest maps.
    constexpr std::uint32_t at_once = 32;
    std::uint32_t i = 0;
    for (; i < count && i < at_once; ++i) {
        gnttab_cache_flush_t request;
        if (!copy_from_guest(caller, arguments[1] + i * sizeof request, request)) {
            return -XEN_EFAULT;
        }
        if (const int refused = flush_cache(caller, request)) return refused;
    }
    if (i == count) return 0;
    HypercallArguments rest = arguments;
    rest[1] += i * sizeof(gnttab_cache_flush_t);
    rest[2] = count - i;
    return HypercallResult::again(rest);
}

}  // namespace

HypercallResult grant_table_op(Vcpu& caller, const HypercallArguments& arguments) {
    const auto count = static_cast<std::uint32_t>(arguments[2]);
    if (static_cast<std::int32_t>(count) < 0) return -XEN_EINVAL;
    const std::uint64_t address = arguments[1];
    const auto command = static_cast<std::uint32_t>(arguments[0]);
    // Bits above the command are how far a cache flush got.
    constexpr std::uint32_t commands = 1u << 12;
    if (command >= commands && command % commands != GNTTABOP_cache_flush) return -XEN_EINVAL;
    switch (command % commands) {
        case GNTTABOP_map_grant_ref:
            return act_on_each<gnttab_map_grant_ref_t>(caller, arguments, count);
        case GNTTABOP_unmap_grant_ref:
            return act_on_each<gnttab_unmap_grant_ref_t>(caller, arguments, count);
        case GNTTABOP_unmap_and_replace:
            return act_on_each<gnttab_unmap_and_replace_t>(caller, arguments, count);
        case GNTTABOP_transfer:
            return act_on_each<gnttab_transfer_t>(caller, arguments, count);
        case GNTTABOP_copy:
            return act_on_each<gnttab_copy_t>(caller, arguments, count);
        case GNTTABOP_swap_grant_ref:
            return act_on_each<gnttab_swap_grant_ref_t>(caller, arguments, count);
        case GNTTABOP_cache_flush:
            return cache_flush(caller, arguments, count);
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
