// SPDX-License-Identifier: MIT
#include "hv/domain/grant_table.hpp"

#include <cstring>
#include <span>

#include "hv/base/check.hpp"
#include "hv/domain/domain.hpp"

namespace ring3 {

GrantTable::GrantTable(Domain& domain) : domain_(domain) {}

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

}  // namespace ring3
