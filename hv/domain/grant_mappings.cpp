// SPDX-License-Identifier: MIT
// A guest that overwrites an entry made by a map gives the entry's references back with it, as in
// Xen: the grant stays in use, and the handle cannot be given back any more until the domain goes.
#include "hv/domain/grant_mappings.hpp"

#include <optional>

#include "hv/base/check.hpp"
#include "hv/domain/domain.hpp"
#include "hv/memory/page_entry.hpp"

namespace ring3 {

namespace {

/// Where the L1 entry stands that a request names, by virtual address or directly.
std::optional<Maddr> l1_entry(Vcpu& caller, std::uint64_t address, bool is_entry) {
    if (is_entry) return Maddr{address};
    if (!is_canonical(Vaddr{address})) return std::nullopt;
    return find_l1_entry(caller.domain().frames(), caller.cpu.kernel_root, Vaddr{address},
                         caller.domain().id());
}

std::uint64_t entry_for(Mfn mfn, std::uint32_t flags) {
    using namespace entry_bits;
    constexpr unsigned first_available = 9, available = 7;
    std::uint64_t entry = mfn.raw << page_shift | present | accessed | dirty | no_execute;
    if ((flags & GNTMAP_application_map) != 0) entry |= user;
    if ((flags & GNTMAP_readonly) == 0) entry |= writable;
    return entry | std::uint64_t{flags >> _GNTMAP_guest_avail0 & available} << first_available;
}

}  // namespace

Domain* GrantMappings::find_granter(DomainId id) {
    return id == domain_.id() ? &domain_ : domain_.hypervisor().find_domain(id);
}

void GrantMappings::map(Vcpu& caller, gnttab_map_grant_ref_t& request) {
    Mapping mapping;
    request.status = try_map(caller, request, mapping);
    if (request.status != GNTST_okay) return;
    if (free_handles_.empty()) {
        free_handles_.push_back(static_cast<grant_handle_t>(mappings_.size()));
        mappings_.emplace_back();
    }
    request.handle = free_handles_.back();
    free_handles_.pop_back();
    mappings_[request.handle] = mapping;
    request.dev_bus_addr = maddr_of(mapping.mfn).raw;
}

std::int16_t GrantMappings::try_map(Vcpu& caller, const gnttab_map_grant_ref_t& request,
                                    Mapping& mapping) {
    if ((request.flags & (GNTMAP_device_map | GNTMAP_host_map)) == 0) return GNTST_bad_gntref;
    // Domain-0 exists, but grants nothing: its back ends are no guests.
    if (DomainId{request.dom} == domain0) return GNTST_general_error;
    Domain* const granter = find_granter(DomainId{request.dom});
    if (granter == nullptr) return GNTST_bad_domain;
    if (free_handles_.empty() && mappings_.size() == max_handles) return GNTST_no_space;

    mapping.granter = granter->id();
    mapping.ref = request.ref;
    mapping.access =
        (request.flags & GNTMAP_readonly) != 0 ? GrantAccess::read : GrantAccess::write;
    mapping.contains_pte = (request.flags & GNTMAP_contains_pte) != 0;
    if ((request.flags & GNTMAP_device_map) != 0) {
        const GrantTable::Claim claim =
            granter->grants().acquire(request.ref, domain_.id(), mapping.access, GrantUse::device);
        if (claim.status != GNTST_okay) return claim.status;
        mapping.mfn = claim.mfn;
        mapping.device = true;
    }
    if ((request.flags & GNTMAP_host_map) != 0) {
        const GrantTable::Claim claim =
            granter->grants().claim(request.ref, domain_.id(), mapping.access, GrantUse::host);
        std::int16_t refused = claim.status;
        if (refused == GNTST_okay) {
            mapping.mfn = claim.mfn;
            refused = map_host(caller, request, mapping);
        }
        if (refused != GNTST_okay) {
            if (mapping.device) end_device_use(mapping);
            return refused;
        }
    }
    return GNTST_okay;
}

std::int16_t GrantMappings::map_host(Vcpu& caller, const gnttab_map_grant_ref_t& request,
                                     Mapping& mapping) {
    mapping.host = true;
    if (mapping.granter != domain_.id()) {
        domain_.frames().granted().allow(mapping.mfn, mapping.granter, domain_.id(),
                                         mapping.access);
    }
    const std::optional<Maddr> at = l1_entry(caller, request.host_addr, mapping.contains_pte);
    if (at && domain_.tables().map_granted(domain_.id(), *at, entry_for(mapping.mfn, request.flags),
                                           mapping.granter) == 0) {
        return GNTST_okay;
    }
    end_host_use(mapping);
    return GNTST_general_error;
}

std::int16_t GrantMappings::unmap(Vcpu& caller, const Unmap& request) {
    if (request.handle >= mappings_.size()) return GNTST_bad_handle;
    Mapping& mapping = mappings_[request.handle];
    if (!mapping.host && !mapping.device) return GNTST_bad_handle;
    if (request.dev_bus_addr != 0 && request.dev_bus_addr != maddr_of(mapping.mfn).raw) {
        return GNTST_general_error;
    }
    if (request.host_addr != 0 && mapping.host) {
        if (const std::int16_t refused = unmap_host(caller, request, mapping)) return refused;
    }
    if (request.dev_bus_addr != 0 && mapping.device) end_device_use(mapping);
    if (!mapping.host && !mapping.device) free_handles_.push_back(request.handle);
    return GNTST_okay;
}

std::int16_t GrantMappings::unmap_host(Vcpu& caller, const Unmap& request, Mapping& mapping) {
    PageTables& tables = domain_.tables();
    std::uint64_t moved = 0;
    if (request.new_addr != 0) {
        if (mapping.contains_pte) return GNTST_general_error;
        const std::optional<Maddr> from = l1_entry(caller, request.new_addr, false);
        if (!from || tables.take_entry(domain_.id(), *from, moved) != 0) return GNTST_general_error;
    }
    const std::optional<Maddr> at = l1_entry(caller, request.host_addr, mapping.contains_pte);
    if (!at || tables.unmap_granted(domain_.id(), *at, mapping.mfn, mapping.access, moved) != 0) {
        tables.drop_entry(domain_.id(), moved);
        return GNTST_general_error;
    }
    end_host_use(mapping);
    return GNTST_okay;
}

void GrantMappings::end_host_use(Mapping& mapping) {
    mapping.host = false;
    if (mapping.granter != domain_.id()) {
        domain_.frames().granted().revoke(mapping.mfn, mapping.granter, domain_.id(),
                                          mapping.access);
    }
    // A granter that is gone has no table any more; its frames stay until nobody refers to them.
    Domain* const granter = find_granter(mapping.granter);
    if (granter != nullptr) {
        granter->grants().unclaim(mapping.ref, mapping.access, GrantUse::host);
    }
}

void GrantMappings::end_device_use(Mapping& mapping) {
    mapping.device = false;
    Domain* const granter = find_granter(mapping.granter);
    if (granter != nullptr) {
        granter->grants().release(mapping.ref, domain_.id(), mapping.mfn, mapping.access,
                                  GrantUse::device);
    } else {
        domain_.tables().put_granted(domain_.id(), mapping.mfn, mapping.access);
    }
}

void GrantMappings::release_all() {
    for (Mapping& mapping : mappings_) {
        if (mapping.host) end_host_use(mapping);
        if (mapping.device) end_device_use(mapping);
    }
    mappings_.clear();
    free_handles_.clear();
}

}  // namespace ring3
