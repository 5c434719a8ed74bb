// SPDX-License-Identifier: MIT
// Memory: the guest's reservation, its memory map, and where the machine-to-phys table is.
//
// The reservation calls answer how many extents were done, which is 0 and no error for most that is
// wrong with the argument: so does Xen.
#include <algorithm>

#include "hv/abi/errors.hpp"
#include "hv/abi/memory.hpp"
#include "hv/domain/domain.hpp"
#include "hv/domain/hypercalls/guest_copy.hpp"
#include "hv/domain/hypercalls/handlers.hpp"

namespace ring3::hypercalls {

namespace {

constexpr std::uint64_t operation_mask = (1u << abi::memory_op_extent_shift) - 1;
constexpr std::uint64_t most_extents = 0xffff'ffffu >> abi::memory_op_extent_shift;

constexpr unsigned largest_order = 9;  // Xen's default for an unprivileged domain

/// 0 for the guest itself.
int check_domain(Vcpu& caller, domid_t id) {
    const DomainId domain{id};
    if (domain == abi::domid_self || domain == caller.domain().id()) return 0;
    const bool exists =
        domain == domain0 || caller.domain().hypervisor().find_domain(domain) != nullptr;
    return exists ? -XEN_EPERM : -XEN_ESRCH;
}

/// One extent of `reservation`. False: it ends here.
bool adjust_one(Vcpu& caller, unsigned operation, const xen_memory_reservation_t& reservation,
                std::uint64_t extent) {
    Domain& domain = caller.domain();
    const std::uint64_t list = abi::address_of(reservation.extent_start).raw;
    const std::uint64_t at = list + extent * sizeof(xen_pfn_t);
    if (operation == XENMEM_decrease_reservation) {
        xen_pfn_t first;
        if (!copy_from_guest(caller, at, first)) return false;
        for (std::uint64_t i = 0; i < std::uint64_t{1} << reservation.extent_order; ++i) {
            if (domain.give_up(Mfn{first + i}) != 0) return false;
        }
        return true;
    }
    // Frames are handed out one by one, so neighbours cannot be promised.
    if (reservation.extent_order != 0) return false;
    xen_pfn_t pfn = ~xen_pfn_t{0};
    if (operation == XENMEM_populate_physmap && !copy_from_guest(caller, at, pfn)) return false;
    const std::optional<Mfn> mfn = domain.populate(Pfn{pfn});
    if (!mfn) return false;
    caller.charge(Cost::frame);
    if (operation == XENMEM_increase_reservation && list == 0) return true;
    if (copy_to_guest(caller, at, mfn->raw)) return true;
    static_cast<void>(domain.give_up(*mfn));
    return false;
}

HypercallResult adjust_reservation(Vcpu& caller, const HypercallArguments& arguments) {
    const auto command = static_cast<std::uint32_t>(arguments[0]);
    const auto operation = static_cast<unsigned>(command & operation_mask);
    const std::uint64_t start = command >> abi::memory_op_extent_shift;
    const auto answer = static_cast<std::int64_t>(start);
    xen_memory_reservation_t reservation;
    if (!copy_from_guest(caller, arguments[1], reservation)) return answer;
    if (reservation.nr_extents > most_extents || start >= reservation.nr_extents) return answer;
    if (check_domain(caller, reservation.domid) != 0) return answer;
    if (reservation.extent_order > largest_order) return answer;

    const std::uint64_t at_once = items_per_call >> reservation.extent_order;
    const std::uint64_t stop = std::min<std::uint64_t>(reservation.nr_extents, start + at_once);
    std::uint64_t extent = start;
    while (extent < stop && adjust_one(caller, operation, reservation, extent)) ++extent;
    caller.domain().trace().note(trace::Event::reservation, caller.domain().id(), caller.id(),
                                 operation, stop - start, extent - start);
    if (extent == stop && stop < reservation.nr_extents) {
        HypercallArguments rest = arguments;
        rest[0] = operation | extent << abi::memory_op_extent_shift;
        return HypercallResult::again(rest);
    }
    return static_cast<std::int64_t>(extent);
}

HypercallResult reservation_of(Vcpu& caller, unsigned operation, std::uint64_t address) {
    xen_memory_domain request;
    if (!copy_from_guest(caller, address, request)) return -XEN_EFAULT;
    if (const int refused = check_domain(caller, request.domid)) return refused;
    Domain& domain = caller.domain();
    switch (operation) {
        case XENMEM_current_reservation:
            return static_cast<std::int64_t>(domain.memory().raw);
        case XENMEM_maximum_reservation:
            return static_cast<std::int64_t>(domain.max_memory().raw);
        default:
            return domain.highest_pfn();
    }
}

int memory_map(Vcpu& caller, std::uint64_t address) {
    xen_memory_map_t request;
    if (!copy_from_guest(caller, address, request)) return -XEN_EFAULT;
    const std::vector<abi::E820Entry>& map = caller.domain().memory_map;
    if (map.empty()) return -XEN_ENOSYS;
    request.nr_entries = std::min(request.nr_entries, static_cast<unsigned>(map.size()));
    const std::uint64_t buffer = abi::address_of(request.buffer).raw;
    for (unsigned i = 0; i < request.nr_entries; ++i) {
        if (!copy_to_guest(caller, buffer + i * sizeof map[i], map[i])) return -XEN_EFAULT;
    }
    return copy_to_guest(caller, address, request) ? 0 : -XEN_EFAULT;
}

int set_memory_map(Vcpu& caller, std::uint64_t address) {
    constexpr unsigned most_entries = 1024;
    xen_foreign_memory_map_t request;
    if (!copy_from_guest(caller, address, request)) return -XEN_EFAULT;
    if (request.map.nr_entries > most_entries) return -XEN_EINVAL;
    if (const int refused = check_domain(caller, request.domid)) return refused;
    std::vector<abi::E820Entry> map(request.map.nr_entries);
    const std::uint64_t buffer = abi::address_of(request.map.buffer).raw;
    for (std::size_t i = 0; i < map.size(); ++i) {
        if (!copy_from_guest(caller, buffer + i * sizeof map[i], map[i])) return -XEN_EFAULT;
    }
    caller.domain().memory_map = std::move(map);
    return 0;
}

/// 0: `request` asks for what could be right.
int check_exchange(const xen_memory_exchange_t& request) {
    // Checked first, which makes the shifts below defined.
    if (std::max(request.in.extent_order, request.out.extent_order) > largest_order)
        return -XEN_EPERM;
    const auto fits = [](const xen_memory_reservation_t& list) {
        return list.nr_extents <= ~xen_ulong_t{0} >> list.extent_order;
    };
    const bool is_sane = request.nr_exchanged <= request.in.nr_extents &&
                         request.in.domid == request.out.domid && fits(request.in) &&
                         fits(request.out) &&
                         request.in.nr_extents << request.in.extent_order ==
                             request.out.nr_extents << request.out.extent_order;
    return is_sane ? 0 : -XEN_EINVAL;
}

/// A frame for another. The old one must have no use left: nobody can be told to let go of it.
int exchange_one(Vcpu& caller, std::uint64_t in, std::uint64_t out) {
    Domain& domain = caller.domain();
    xen_pfn_t old_mfn, pfn;
    if (!copy_from_guest(caller, in, old_mfn) || !copy_from_guest(caller, out, pfn))
        return -XEN_EFAULT;
    const Frame* const frame = domain.frames().find(Mfn{old_mfn});
    if (frame == nullptr || frame->owner != domain.id() || frame->ref_count != 0)
        return -XEN_EINVAL;
    if (domain.give_up(Mfn{old_mfn}) != 0) return -XEN_EINVAL;
    // There is one at least: the one that has just become free.
    const std::optional<Mfn> mfn = domain.populate(Pfn{pfn});
    if (!mfn) return -XEN_ENOMEM;
    caller.charge(Cost::frame);
    return copy_to_guest(caller, out, mfn->raw) ? 0 : -XEN_EFAULT;
}

/// Frame by frame. Order and neighbourhood are what else an exchange is made for, and frames have
/// neither here: the answer is that no such memory is left.
HypercallResult exchange(Vcpu& caller, std::uint64_t address) {
    xen_memory_exchange_t request;
    if (!copy_from_guest(caller, address, request)) return -XEN_EFAULT;
    int result = check_exchange(request);
    if (result == 0) result = check_domain(caller, request.in.domid);
    if (result == 0 && request.in.extent_order + request.out.extent_order != 0)
        result = -XEN_ENOMEM;

    const std::uint64_t in = abi::address_of(request.in.extent_start).raw,
                        out = abi::address_of(request.out.extent_start).raw;
    const std::uint64_t left = request.in.nr_extents - request.nr_exchanged;
    for (std::uint64_t i = 0; result == 0 && i < std::min<std::uint64_t>(left, items_per_call);
         ++i) {
        const std::uint64_t at = request.nr_exchanged * sizeof(xen_pfn_t);
        result = exchange_one(caller, in + at, out + at);
        if (result == 0) ++request.nr_exchanged;
    }
    if (!copy_to_guest(caller, address, request)) return -XEN_EFAULT;
    if (result == 0 && request.nr_exchanged < request.in.nr_extents)
        return HypercallResult::again({XENMEM_exchange, address});
    return result;
}

int machphys_mapping(Vcpu& caller, std::uint64_t address) {
    const xen_machphys_mapping_t mapping{
        .v_start = MACH2PHYS_VIRT_START,
        .v_end = MACH2PHYS_VIRT_END,
        .max_mfn = MACH2PHYS_NR_ENTRIES - 1,
    };
    return copy_to_guest(caller, address, mapping) ? 0 : -XEN_EFAULT;
}

/// The table lies outside of the machine's frames, so no frame of it has a name.
int machphys_mfn_list(Vcpu& caller, std::uint64_t address) {
    xen_machphys_mfn_list_t request;
    if (!copy_from_guest(caller, address, request)) return -XEN_EFAULT;
    request.nr_extents = 0;
    return copy_to_guest(caller, address, request) ? 0 : -XEN_EFAULT;
}

/// add_to_physmap and its kind are for guests whose physical addresses Xen translates.
int only_translated(Vcpu& caller, std::uint64_t address) {
    domid_t id;
    if (!copy_from_guest(caller, address, id)) return -XEN_EFAULT;
    return check_domain(caller, id) == -XEN_ESRCH ? -XEN_ESRCH : -XEN_EACCES;
}

int vnuma_info(Vcpu& caller, std::uint64_t address) {
    xen_vnuma_topology_info_t request;
    if (!copy_from_guest(caller, address, request)) return -XEN_EFAULT;
    if (request.pad != 0) return -XEN_EINVAL;
    const int refused = check_domain(caller, request.domid);
    return refused != 0 ? refused : -XEN_EOPNOTSUPP;
}

}  // namespace

HypercallResult memory_op(Vcpu& caller, const HypercallArguments& arguments) {
    const auto command = static_cast<std::uint32_t>(arguments[0]);
    const auto operation = static_cast<unsigned>(command & operation_mask);
    const std::uint64_t address = arguments[1];
    switch (operation) {
        case XENMEM_increase_reservation:
        case XENMEM_decrease_reservation:
        case XENMEM_populate_physmap:
            return adjust_reservation(caller, arguments);
        default:
            break;
    }
    // No other operation is ever continued.
    if (command != operation) return -XEN_EINVAL;
    switch (operation) {
        case XENMEM_maximum_ram_page:
            return static_cast<std::int64_t>(caller.domain().frames().end_mfn().raw);
        case XENMEM_current_reservation:
        case XENMEM_maximum_reservation:
        case XENMEM_maximum_gpfn:
            return reservation_of(caller, operation, address);
        case XENMEM_machphys_mfn_list:
        case XENMEM_machphys_compat_mfn_list:
            return machphys_mfn_list(caller, address);
        case XENMEM_memory_map:
            return memory_map(caller, address);
        case XENMEM_set_memory_map:
            return set_memory_map(caller, address);
        case XENMEM_exchange:
            return exchange(caller, address);
        case XENMEM_machphys_mapping:
            return machphys_mapping(caller, address);
        case XENMEM_add_to_physmap:
        case XENMEM_add_to_physmap_batch:
        case XENMEM_remove_from_physmap:
            return only_translated(caller, address);
        case XENMEM_get_vnumainfo:
            return vnuma_info(caller, address);
        case XENMEM_machine_memory_map:
        case XENMEM_set_pod_target:
        case XENMEM_get_pod_target:
        case abi::memory_claim_pages:
        case XENMEM_acquire_resource:
            return -XEN_EPERM;  // for privileged domains
        default:
            return -XEN_ENOSYS;
    }
}

}  // namespace ring3::hypercalls
