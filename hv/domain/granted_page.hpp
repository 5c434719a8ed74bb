// SPDX-License-Identifier: MIT
// A frame that a guest has granted to Domain-0, held by a native back end: what a driver domain
// gets from GNTTABOP_map_grant_ref. While held, the frame keeps its contents and its host address,
// whatever the guest does; the guest sees GTF_reading and GTF_writing in its entry.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <utility>

#include "hv/abi/grant_table.hpp"
#include "hv/base/units.hpp"

namespace ring3 {

class Domain;

class GrantedPage final {
public:
    enum class Use : std::uint8_t { read, write };

    /// Nothing when the guest does not grant this reference to Domain-0 for that use. Must be gone
    /// before the domain is.
    static std::optional<GrantedPage> map(Domain& granter, grant_ref_t ref, Use use);
    GrantedPage(GrantedPage&& other) noexcept;
    GrantedPage& operator=(GrantedPage&& other) noexcept;
    ~GrantedPage() { unmap(); }

    Mfn mfn() const { return mfn_; }
    grant_ref_t ref() const { return ref_; }
    bool is_writable() const { return use_ == Use::write; }

    /// The frame's bytes. The guest may change them between any two reads: copy once, then check.
    std::span<const std::byte> bytes() const;
    /// Stores bytes into the frame; `is_writable()` holds.
    void write(std::uint64_t offset, std::span<const std::byte> bytes);
    /// The frame's memory to be filled by the caller (a read from a disk), who then calls
    /// `filled()` for the range: code that was translated from it is dropped there.
    std::span<std::byte> room();
    void filled(std::uint64_t offset, std::uint64_t length);

private:
    GrantedPage(Domain& granter, grant_ref_t ref, Use use, Mfn mfn)
        : granter_(&granter), ref_(ref), use_(use), mfn_(mfn) {}
    void unmap();

    Domain* granter_;
    grant_ref_t ref_;
    Use use_;
    Mfn mfn_;
};

}  // namespace ring3
