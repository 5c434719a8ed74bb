// SPDX-License-Identifier: MIT
#include "hv/domain/hypercalls/grant_copy.hpp"

#include <array>
#include <cstring>
#include <span>

#include "hv/domain/domain.hpp"

namespace ring3 {

namespace {

enum class Use : std::uint8_t { source, destination };

/// The other side of a copy: whose frame it is and which one.
struct End {
    std::int16_t status = GNTST_okay;
    Domain* owner = nullptr;
    Mfn mfn{};
};

Domain* find_owner(Vcpu& caller, domid_t id) {
    const DomainId domain{id};
    const bool is_own = domain == abi::domid_self || domain == caller.domain().id();
    return is_own ? &caller.domain() : caller.domain().hypervisor().find_domain(domain);
}

/// The frame that a grant reference names, if it is granted to the caller for this use.
End granted_frame(Vcpu& caller, Domain& owner, grant_ref_t ref, Use use) {
    const std::optional<grant_entry_v1> entry = owner.grants().entry(ref);
    if (!entry || (entry->flags & GTF_type_mask) != GTF_permit_access ||
        DomainId{entry->domid} != caller.domain().id()) {
        return {.status = GNTST_bad_gntref};
    }
    if (use == Use::destination && (entry->flags & GTF_readonly) != 0) {
        return {.status = GNTST_general_error};
    }
    return {.owner = &owner, .mfn = Mfn{entry->frame}};
}

template <class Pointer>
End resolve(Vcpu& caller, const Pointer& pointer, bool is_reference, Use use) {
    Domain* const owner = find_owner(caller, pointer.domid);
    if (owner == nullptr) {
        // Domain-0 exists, but grants nothing: its back ends are no guests.
        const bool exists = DomainId{pointer.domid} == domain0;
        return {.status = exists ? std::int16_t{GNTST_permission_denied}
                                 : std::int16_t{GNTST_bad_domain}};
    }
    if (is_reference) return granted_frame(caller, *owner, pointer.u.ref, use);
    // A frame can be named directly by its owner alone.
    if (owner != &caller.domain()) return {.status = GNTST_permission_denied};
    return {.owner = owner, .mfn = Mfn{pointer.u.gmfn}};
}

}  // namespace

std::int16_t copy_grant(Vcpu& caller, const gnttab_copy_t& request) {
    const bool from_reference = (request.flags & GNTCOPY_source_gref) != 0;
    const bool to_reference = (request.flags & GNTCOPY_dest_gref) != 0;
    const End from = resolve(caller, request.source, from_reference, Use::source);
    if (from.status != GNTST_okay) return from.status;
    const End to = resolve(caller, request.dest, to_reference, Use::destination);
    if (to.status != GNTST_okay) return to.status;
    if (request.source.offset + request.len > page_size ||
        request.dest.offset + request.len > page_size) {
        return GNTST_bad_copy_arg;
    }

    PageTables& tables = caller.domain().tables();
    if (tables.get_page(from.owner->id(), from.mfn) != 0) return GNTST_general_error;
    const bool is_writable = tables.get_writable_page(to.owner->id(), to.mfn) == 0;
    if (is_writable) {
        // The two may be one frame: through a copy of its own.
        std::array<std::byte, page_size> bytes;
        FrameTable& frames = tables.frames();
        std::memcpy(bytes.data(), frames.at(from.mfn).host + request.source.offset, request.len);
        frames.write(to.mfn, request.dest.offset, std::span{bytes}.first(request.len));
        tables.put_writable_page(to.mfn);
    }
    tables.put_page(from.mfn);
    return is_writable ? GNTST_okay : GNTST_general_error;
}

}  // namespace ring3
