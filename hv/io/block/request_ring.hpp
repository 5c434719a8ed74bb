// SPDX-License-Identifier: MIT
// The back end's half of a block device's ring (Xen's public io/ring.h), of one or more pages that
// the front end granted. The front end may have written anything into them at any time: each
// request and each index is read once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "hv/abi/blkif.hpp"
#include "hv/domain/granted_page.hpp"

namespace ring3 {

class RequestRing {
public:
    /// A power of two of pages, mapped for writing. The indices go on from where they stand: a
    /// front end that reconnects begins a new ring.
    explicit RequestRing(std::vector<GrantedPage> pages);

    std::uint32_t entries() const { return entries_; }
    /// Requests not taken yet. Nothing: the front end claims more than there can be.
    std::optional<std::uint32_t> waiting() const;
    /// Takes the next request; there is one.
    blkif_request take();
    /// Puts a response in, and lets the front end see it. At most one for each request taken.
    void put(const blkif_response& response);

    /// True: a request is there already, so there will be no event for it.
    bool ask_for_kick();
    /// Whether the front end wants an event for what it was given since the last call.
    bool wants_event();

private:
    std::uint32_t index(std::size_t offset) const;
    void set_index(std::size_t offset, std::uint32_t value);
    /// Entries may lie across two pages.
    void read(std::size_t offset, std::span<std::byte> bytes) const;
    void write(std::size_t offset, std::span<const std::byte> bytes);
    std::size_t place_of(std::uint32_t index) const {
        return abi::blkif_ring_header + (index & (entries_ - 1)) * abi::blkif_ring_entry;
    }

    std::vector<GrantedPage> pages_;
    std::uint32_t entries_;
    std::uint32_t taken_ = 0;
    std::uint32_t answered_ = 0;
    /// Responses that the front end has had its event for, or wanted none.
    std::uint32_t announced_ = 0;
};

}  // namespace ring3
