// SPDX-License-Identifier: MIT
// The guest's pages that one request names, as memory for a disk: mapped from their grants, mapped
// and kept for the requests to come, or copied through memory of our own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "hv/domain/granted_page.hpp"
#include "hv/io/block/file_operation.hpp"
#include "hv/io/block/request.hpp"
#include "hv/io/path/io_path.hpp"

namespace ring3 {

/// Pages that a front end said it would use again and again (feature-persistent). As many as
/// xen-blkback keeps; beyond that, those go that nobody has used for longest.
class PersistentGrants {
public:
    static constexpr std::size_t most_pages = 1056;

    explicit PersistentGrants(Domain& guest) : guest_(guest) {}

    /// The page, mapped for writing, in use until release(). Null when the guest does not grant
    /// that, or all places are in use.
    GrantedPage* take(grant_ref_t ref);
    void release(grant_ref_t ref);
    std::size_t size() const { return pages_.size(); }

private:
    struct Entry {
        GrantedPage page;
        std::uint32_t users;
        std::uint64_t last_use;
    };
    bool make_room();

    Domain& guest_;
    std::map<grant_ref_t, Entry> pages_;
    std::uint64_t uses_ = 0;
};

class GuestPages {
public:
    enum class Direction : std::uint8_t { from_guest, to_guest };

    /// `persistent` is null where the front end does not reuse its grants.
    GuestPages(Domain& guest, IoPath::Transfer transfer, PersistentGrants* persistent)
        : guest_(guest), transfer_(transfer), persistent_(persistent) {}
    ~GuestPages();
    GuestPages(const GuestPages&) = delete;
    GuestPages& operator=(const GuestPages&) = delete;

    /// False: a page is not granted for that use. Must succeed before the rest is called.
    bool open(const std::vector<BlockRequest::Segment>& segments, Direction direction);
    /// Where the disk reads from or writes to; stays until the end of this object.
    Pieces pieces();
    /// The disk has filled the pieces: the guest's pages get it. False: a page is no longer granted
    /// (where it is copied).
    bool filled();

private:
    struct Page {
        GrantedPage* page;
        BlockRequest::Segment segment;
    };

    Domain& guest_;
    const IoPath::Transfer transfer_;
    PersistentGrants* const persistent_;
    Direction direction_ = Direction::from_guest;
    std::vector<GrantedPage> mapped_;
    std::vector<grant_ref_t> kept_;
    std::vector<Page> pages_;
    /// Where pages are copied: their segments' bytes, one behind the other.
    std::vector<BlockRequest::Segment> segments_;
    std::vector<std::byte> copy_;
};

}  // namespace ring3
