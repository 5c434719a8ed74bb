// SPDX-License-Identifier: MIT
#include "hv/domain/grant_table.hpp"

#include <algorithm>
#include <cstring>
#include <span>

#include "hv/base/check.hpp"
#include "hv/domain/domain.hpp"

namespace ring3 {

GrantTable::GrantTable(Domain& domain) : domain_(domain), mappings_(domain) {}

bool GrantTable::grow(std::uint32_t frames) {
    if (frames > max_frames) return false;
    const bool was_empty = frames_.empty();
    while (frames_.size() < frames) {
        const std::optional<Mfn> frame = domain_.allocate_shared_frame();
        if (!frame) return false;
        frames_.push_back(*frame);
    }
    if (was_empty && !frames_.empty()) {
        const auto grant_to_domain0 = [this](grant_ref_t ref, Mfn mfn) {
            if (mfn.raw == 0) return;
            set_entry(ref, {.flags = GTF_permit_access,
                            .domid = domain0.raw,
                            .frame = static_cast<std::uint32_t>(mfn.raw)});
        };
        grant_to_domain0(GNTTAB_RESERVED_CONSOLE, domain_.console.mfn);
        grant_to_domain0(GNTTAB_RESERVED_XENSTORE, domain_.store.mfn);
    }
    return true;
}

std::optional<grant_entry_v1> GrantTable::entry(grant_ref_t ref) const {
    if (ref / entries_per_frame >= frames_.size()) return std::nullopt;
    grant_entry_v1 found;
    const std::byte* const page = domain_.frames().at(frames_[ref / entries_per_frame]).host;
    std::memcpy(&found, page + ref % entries_per_frame * sizeof found, sizeof found);
    return found;
}

void GrantTable::set_entry(grant_ref_t ref, const grant_entry_v1& entry) {
    HV_CHECK(ref / entries_per_frame < frames_.size(), "no such grant entry");
    domain_.frames().write(frames_[ref / entries_per_frame], ref % entries_per_frame * sizeof entry,
                           std::as_bytes(std::span{&entry, 1}));
}

void GrantTable::set_flags(grant_ref_t ref, std::uint16_t flags) {
    static_assert(offsetof(grant_entry_v1, flags) == 0);
    domain_.frames().write(frames_[ref / entries_per_frame],
                           ref % entries_per_frame * sizeof(grant_entry_v1),
                           std::as_bytes(std::span{&flags, 1}));
}

std::int16_t GrantTable::swap(grant_ref_t a, grant_ref_t b) {
    const auto first = entry(a), second = entry(b);
    if (!first || !second) return GNTST_bad_gntref;
    if (a == b) return GNTST_okay;
    if (active_.contains(a) || active_.contains(b)) return GNTST_eagain;
    set_entry(a, *second);
    set_entry(b, *first);
    return GNTST_okay;
}

/// The first use, or the first that writes: asks the guest's entry.
std::int16_t GrantTable::begin(grant_ref_t ref, DomainId user, GrantAccess access, Active& active) {
    const grant_entry_v1 shared = *entry(ref);
    if (!active.is_used() &&
        ((shared.flags & GTF_type_mask) != GTF_permit_access ||
         (shared.flags & GTF_sub_page) != 0 || DomainId{shared.domid} != user)) {
        return GNTST_general_error;
    }
    const bool writes = access == GrantAccess::write;
    if (writes && (shared.flags & GTF_readonly) != 0) return GNTST_general_error;
    if (!active.is_used()) {
        const Mfn mfn{shared.frame};
        const Frame* const frame = domain_.frames().find(mfn);
        if (frame == nullptr || !frame->allocated || frame->owner != domain_.id()) {
            // Xen had marked it as used already, and takes that back.
            const unsigned over = GTF_reading | (writes ? GTF_writing : 0u);
            set_flags(ref, static_cast<std::uint16_t>(shared.flags & ~over));
            return GNTST_bad_page;
        }
        active.user = user;
        active.mfn = mfn;
    }
    const unsigned in_use = GTF_reading | (writes ? GTF_writing : 0u);
    set_flags(ref, static_cast<std::uint16_t>(shared.flags | in_use));
    return GNTST_okay;
}

GrantTable::Claim GrantTable::claim(grant_ref_t ref, DomainId user, GrantAccess access,
                                    GrantUse use) {
    // As many as Xen's counters of eight bits are allowed to count.
    constexpr std::uint32_t most_uses = 128;
    if (!entry(ref)) return {.status = GNTST_bad_gntref};
    const auto found = active_.find(ref);
    Active active = found != active_.end() ? found->second : Active{};
    if (active.is_used()) {
        const bool is_full = std::ranges::any_of(active.count, [](const auto& counts) {
            return counts[0] >= most_uses || counts[1] >= most_uses;
        });
        if (active.user != user || is_full) return {.status = GNTST_general_error};
    }
    if (!active.is_used() || (access == GrantAccess::write && !active.has_writers())) {
        if (const std::int16_t refused = begin(ref, user, access, active)) {
            return {.status = refused};
        }
    }
    ++active.of(use, access);
    active_.insert_or_assign(ref, active);
    return {.mfn = active.mfn};
}

void GrantTable::unclaim(grant_ref_t ref, GrantAccess access, GrantUse use) {
    const auto found = active_.find(ref);
    HV_CHECK(found != active_.end() && found->second.of(use, access) > 0,
             "a grant ends that was not in use");
    --found->second.of(use, access);
    unsigned over = 0;
    if (access == GrantAccess::write && !found->second.has_writers()) over |= GTF_writing;
    if (!found->second.is_used()) {
        over |= GTF_reading;
        active_.erase(found);
    }
    if (over != 0) set_flags(ref, static_cast<std::uint16_t>(entry(ref)->flags & ~over));
}

GrantTable::Claim GrantTable::acquire(grant_ref_t ref, DomainId user, GrantAccess access,
                                      GrantUse use) {
    const Claim claimed = claim(ref, user, access, use);
    if (claimed.status != GNTST_okay) return claimed;
    if (domain_.tables().get_granted(user, domain_.id(), claimed.mfn, access) == 0) return claimed;
    unclaim(ref, access, use);
    return {.status = GNTST_general_error};
}

void GrantTable::release(grant_ref_t ref, DomainId user, Mfn mfn, GrantAccess access,
                         GrantUse use) {
    domain_.tables().put_granted(user, mfn, access);
    unclaim(ref, access, use);
}

}  // namespace ring3
