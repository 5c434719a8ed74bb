// SPDX-License-Identifier: MIT
// A domain's grant table, version 1: frames shared with the guest, in which it writes whom it lets
// use which of its frames; and which of these grants are in use (Xen's active entries).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "hv/abi/grant_table.hpp"
#include "hv/base/units.hpp"
#include "hv/domain/grant_mappings.hpp"
#include "hv/memory/granted_frames.hpp"

namespace ring3 {

class Domain;

/// What a grant is used as; Xen counts the two apart.
enum class GrantUse : std::uint8_t { host, device };

class GrantTable {
public:
    /// xl.cfg: max_grant_frames; the default of libxl.
    static constexpr std::uint32_t max_frames = 64;
    static constexpr std::uint32_t entries_per_frame =
        static_cast<std::uint32_t>(page_size / sizeof(grant_entry_v1));

    explicit GrantTable(Domain& domain);

    std::uint32_t version() const { return 1; }
    const std::vector<Mfn>& frames() const { return frames_; }
    /// Makes the table at least this large. False: above the maximum, or the machine is full.
    bool grow(std::uint32_t frames);

    /// Nothing: there is no such entry.
    std::optional<grant_entry_v1> entry(grant_ref_t ref) const;
    /// The toolstack's own grants (GNTTAB_RESERVED_CONSOLE, GNTTAB_RESERVED_XENSTORE).
    void set_entry(grant_ref_t ref, const grant_entry_v1& entry);

    /// GNTTABOP_swap_grant_ref. A GNTST_ status.
    std::int16_t swap(grant_ref_t a, grant_ref_t b);

    /// A GNTST_ status, and with GNTST_okay the frame.
    struct Claim {
        std::int16_t status = GNTST_okay;
        Mfn mfn{};
    };
    /// `user` begins to use a grant: what the guest wrote is checked, GTF_reading and GTF_writing
    /// are set. The frame of a grant in use stays what it was when the first use began, whatever
    /// the guest writes. Takes no reference.
    Claim claim(grant_ref_t ref, DomainId user, GrantAccess access, GrantUse use);
    /// The end of a use that claim() allowed.
    void unclaim(grant_ref_t ref, GrantAccess access, GrantUse use);
    /// claim(), with the references that keep the frame and its contents; for all uses but entries
    /// of page tables, which hold references of their own.
    Claim acquire(grant_ref_t ref, DomainId user, GrantAccess access, GrantUse use);
    void release(grant_ref_t ref, DomainId user, Mfn mfn, GrantAccess access, GrantUse use);

    /// What this domain maps by the grants of others (and its own).
    GrantMappings& mappings() { return mappings_; }

private:
    /// A grant in use.
    struct Active {
        DomainId user{};
        Mfn mfn{};
        /// By GrantUse and GrantAccess.
        std::uint32_t count[2][2]{};

        std::uint32_t& of(GrantUse use, GrantAccess access) {
            return count[static_cast<std::size_t>(use)][static_cast<std::size_t>(access)];
        }
        bool has_writers() const { return count[0][1] + count[1][1] != 0; }
        bool is_used() const { return has_writers() || count[0][0] + count[1][0] != 0; }
    };

    std::int16_t begin(grant_ref_t ref, DomainId user, GrantAccess access, Active& active);
    void set_flags(grant_ref_t ref, std::uint16_t flags);
    void settle(grant_ref_t ref, GrantAccess access);

    Domain& domain_;
    std::vector<Mfn> frames_;
    std::map<grant_ref_t, Active> active_;
    GrantMappings mappings_;
};

}  // namespace ring3
