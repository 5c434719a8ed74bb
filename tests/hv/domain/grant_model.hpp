// SPDX-License-Identifier: MIT
// Grants as they ought to work, in the plainest words: what guests wrote into their tables, who
// uses which grant, and what stands in the L1 entries ("slots") that maps are made at. No
// references, no frames' types: these are counted from it.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "hv/abi/grant_table.hpp"
#include "hv/base/units.hpp"
#include "hv/memory/granted_frames.hpp"

namespace ring3::test {

struct GrantModel {
    static constexpr unsigned slots = 6;
    static constexpr std::uint16_t native = 0;  ///< Domain-0's back ends, as a user

    struct Entry {
        unsigned flags = 0;
        std::uint16_t to = 0;
        Mfn frame{};
    };
    struct Handle {
        std::uint16_t user = 0, granter = 0;
        grant_ref_t ref = 0;
        Mfn frame{};
        bool writes = false, contains_pte = false;
        bool host = false, device = false;
        bool in_use() const { return host || device; }
    };
    /// What an L1 entry names; nothing: it is not present.
    struct Slot {
        Mfn frame{};
        bool writes = false;
        bool foreign = false;
    };
    struct Domain {
        std::map<grant_ref_t, Entry> table;
        std::array<std::optional<Slot>, slots> slot;
        /// The L1 table of the slots is in use as such.
        bool attached = true;
    };

    std::map<std::uint16_t, Domain> domains;
    std::vector<Handle> handles;
    /// By frame: its owner, alive or not; and frames that can never be written to by a grant.
    std::map<Mfn, std::uint16_t> owner;
    std::map<Mfn, bool> is_table;

    struct Use {
        unsigned readers = 0, writers = 0;
        std::uint16_t user = 0;
        Mfn frame{};
    };
    Use use_of(std::uint16_t granter, grant_ref_t ref) const {
        Use use;
        for (const Handle& each : handles) {
            if (!each.in_use() || each.granter != granter || each.ref != ref) continue;
            const unsigned count = (each.host ? 1u : 0u) + (each.device ? 1u : 0u);
            (each.writes ? use.writers : use.readers) += count;
            use.user = each.user;
            use.frame = each.frame;
        }
        return use;
    }

    /// Whether `user` may begin a use; the frame on success.
    std::int16_t begin(std::uint16_t granter, grant_ref_t ref, std::uint16_t user, bool writes,
                       Mfn& frame) {
        const auto found = domains.at(granter).table.find(ref);
        if (found == domains.at(granter).table.end()) return GNTST_bad_gntref;
        Entry& entry = found->second;
        const Use use = use_of(granter, ref);
        const bool is_used = use.readers + use.writers != 0;
        if (is_used && use.user != user) return GNTST_general_error;
        if (!is_used && ((entry.flags & GTF_type_mask) != GTF_permit_access ||
                         (entry.flags & GTF_sub_page) != 0 || entry.to != user)) {
            return GNTST_general_error;
        }
        if (writes && use.writers == 0 && (entry.flags & GTF_readonly) != 0) {
            return GNTST_general_error;
        }
        frame = is_used ? use.frame : entry.frame;
        if (!is_used) entry.flags |= GTF_reading;
        if (writes && use.writers == 0) entry.flags |= GTF_reading | GTF_writing;
        const auto owned = owner.find(frame);
        const bool is_granters = owned != owner.end() && owned->second == granter;
        if (is_granters && !(writes && is_table.contains(frame))) return GNTST_okay;
        settle(granter, ref, writes);
        return is_granters ? GNTST_general_error : GNTST_bad_page;
    }
    /// After a use was ended or undone.
    void settle(std::uint16_t granter, grant_ref_t ref, bool wrote) {
        const auto found = domains.find(granter);
        if (found == domains.end()) return;
        const Use use = use_of(granter, ref);
        unsigned& flags = found->second.table.at(ref).flags;
        if (wrote && use.writers == 0) flags &= ~unsigned{GTF_writing};
        if (use.readers + use.writers == 0) flags &= ~unsigned{GTF_reading};
    }

    struct References {
        unsigned all = 0, writable = 0;
    };
    /// On a frame, by slots, devices and back ends.
    References references(Mfn frame) const {
        References count;
        const auto add = [&](bool writes) {
            ++count.all;
            if (writes) ++count.writable;
        };
        for (const auto& [id, domain] : domains) {
            if (!domain.attached) continue;
            for (const auto& slot : domain.slot) {
                if (slot && slot->frame == frame) add(slot->writes);
            }
        }
        for (const Handle& each : handles) {
            if (each.frame != frame) continue;
            if (each.device || (each.user == native && each.host)) add(each.writes);
        }
        return count;
    }
    /// Whether a grant in use allows `user` to have entries for the frame.
    bool is_allowed(std::uint16_t user, Mfn frame, bool writes) const {
        for (const Handle& each : handles) {
            if (each.host && each.user == user && each.frame == frame && (each.writes || !writes)) {
                return true;
            }
        }
        return false;
    }
};

}  // namespace ring3::test
