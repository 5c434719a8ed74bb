// SPDX-License-Identifier: MIT
#include "hv/domain/hypercalls/grant_copy.hpp"

#include <array>
#include <cstring>
#include <optional>
#include <span>

#include "hv/domain/domain.hpp"

namespace ring3 {

namespace {

/// One side of a copy: a frame of the caller's own, or one that a grant names, in use until this
/// ends. Holds references.
class End {
public:
    End(Vcpu& caller, GrantAccess access) : caller_(caller.domain()), access_(access) {}
    ~End() {
        if (!mfn_) return;
        if (is_reference_) {
            owner_->grants().release(ref_, caller_.id(), *mfn_, access_, GrantUse::host);
        } else {
            caller_.tables().put_granted(caller_.id(), *mfn_, access_);
        }
    }
    End(const End&) = delete;
    End& operator=(const End&) = delete;

    template <class Pointer>
    std::int16_t find_owner(const Pointer& pointer, bool is_reference) {
        const DomainId id{pointer.domid};
        const bool is_own = id == abi::domid_self || id == caller_.id();
        owner_ = is_own ? &caller_ : caller_.hypervisor().find_domain(id);
        is_reference_ = is_reference;
        // Domain-0 exists, but grants nothing: its back ends are no guests.
        if (owner_ == nullptr && id != domain0) return GNTST_bad_domain;
        if (owner_ == nullptr && is_reference) return GNTST_general_error;
        // A frame can be named directly by its owner alone.
        return is_reference || is_own ? GNTST_okay : GNTST_permission_denied;
    }

    template <class Pointer>
    std::int16_t claim(const Pointer& pointer) {
        if (is_reference_) {
            ref_ = pointer.u.ref;
            const GrantTable::Claim claim =
                owner_->grants().acquire(ref_, caller_.id(), access_, GrantUse::host);
            if (claim.status == GNTST_okay) mfn_ = claim.mfn;
            return claim.status;
        }
        const Mfn mfn{pointer.u.gmfn};
        PageTables& tables = caller_.tables();
        if (tables.get_granted(caller_.id(), caller_.id(), mfn, access_) == 0) {
            mfn_ = mfn;
            return GNTST_okay;
        }
        // Not the caller's at all, or not one that may be written to.
        if (tables.get_page(caller_.id(), mfn) != 0) return GNTST_bad_page;
        tables.put_page(mfn);
        return GNTST_general_error;
    }

    Mfn mfn() const { return *mfn_; }

private:
    Domain& caller_;
    const GrantAccess access_;
    Domain* owner_ = nullptr;
    bool is_reference_ = false;
    grant_ref_t ref_ = 0;
    std::optional<Mfn> mfn_;
};

}  // namespace

std::int16_t copy_grant(Vcpu& caller, const gnttab_copy_t& request) {
    End from(caller, GrantAccess::read), to(caller, GrantAccess::write);
    std::int16_t refused =
        from.find_owner(request.source, (request.flags & GNTCOPY_source_gref) != 0);
    if (refused == GNTST_okay) {
        refused = to.find_owner(request.dest, (request.flags & GNTCOPY_dest_gref) != 0);
    }
    if (refused == GNTST_okay) refused = from.claim(request.source);
    if (refused == GNTST_okay) refused = to.claim(request.dest);
    if (refused != GNTST_okay) return refused;
    if (request.source.offset + request.len > page_size ||
        request.dest.offset + request.len > page_size) {
        return GNTST_bad_copy_arg;
    }
    // The two may be one frame: through a copy of its own.
    std::array<std::byte, page_size> bytes;
    FrameTable& frames = caller.domain().frames();
    std::memcpy(bytes.data(), frames.at(from.mfn()).host + request.source.offset, request.len);
    frames.write(to.mfn(), request.dest.offset, std::span{bytes}.first(request.len));
    return GNTST_okay;
}

}  // namespace ring3
