// SPDX-License-Identifier: MIT
// Which frames domains may use that belong to others: what grants in use allow, and the references
// that are held on the strength of them. The walk asks here about every frame that is not the
// domain's own.
#pragma once

#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

#include "hv/base/units.hpp"

namespace ring3 {

enum class GrantAccess : std::uint8_t { read, write };

/// A frame's owner is part of each question: a frame that changed hands has nothing to do with what
/// was granted before.
class GrantedFrames {
public:
    /// What one domain has of one frame of another.
    struct Share {
        DomainId user{};
        DomainId owner{};
        /// Host mappings that grants in use allow it to have, by GrantAccess.
        std::uint32_t allowed[2]{};
        /// References that it holds: by present L1 entries, by mappings for devices, by native back
        /// ends. Writable ones hold a writable type reference, too.
        std::uint32_t held[2]{};
    };

    void allow(Mfn mfn, DomainId owner, DomainId user, GrantAccess access);
    void revoke(Mfn mfn, DomainId owner, DomainId user, GrantAccess access);
    /// Whether an entry of `user` may name the frame. The right to write is one to read.
    bool is_allowed(Mfn mfn, DomainId owner, DomainId user, GrantAccess access) const;

    void hold(Mfn mfn, DomainId owner, DomainId user, GrantAccess access);
    void drop(Mfn mfn, DomainId owner, DomainId user, GrantAccess access);

    /// All that others have of this frame; in order of first use.
    std::span<const Share> shares_of(Mfn mfn) const;
    /// False: no entry of the domain's tables names a frame of another domain.
    bool holds_any(DomainId user) const;
    /// True: others still hold frames of this domain, which may be gone itself.
    bool are_held_of(DomainId owner) const;
    bool is_empty() const { return shares_.empty(); }

private:
    Share& share(Mfn mfn, DomainId owner, DomainId user);
    void tidy(Mfn mfn);

    /// By mfn. A share is there while one of its counts is not zero.
    std::unordered_map<std::uint64_t, std::vector<Share>> shares_;
    /// Sum of `held` by domain.
    std::unordered_map<std::uint16_t, std::uint64_t> held_by_;
};

}  // namespace ring3
