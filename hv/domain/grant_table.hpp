// SPDX-License-Identifier: MIT
// A domain's grant table, version 1: frames shared with the guest, in which it writes whom it lets
// use which of its frames.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "hv/abi/grant_table.hpp"
#include "hv/base/units.hpp"

namespace ring3 {

class Domain;

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

private:
    Domain& domain_;
    std::vector<Mfn> frames_;
};

}  // namespace ring3
