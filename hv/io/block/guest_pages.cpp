// SPDX-License-Identifier: MIT
#include "hv/io/block/guest_pages.hpp"

#include <algorithm>
#include <cstring>
#include <span>
#include <utility>

#include "hv/base/check.hpp"

namespace ring3 {

GrantedPage* PersistentGrants::take(grant_ref_t ref) {
    auto found = pages_.find(ref);
    if (found == pages_.end()) {
        if (pages_.size() >= most_pages && !make_room()) return nullptr;
        auto page = GrantedPage::map(guest_, ref, GrantedPage::Use::write);
        if (!page) return nullptr;
        found = pages_.emplace(ref, Entry{std::move(*page), 0, 0}).first;
    }
    ++found->second.users;
    found->second.last_use = ++uses_;
    return &found->second.page;
}

void PersistentGrants::release(grant_ref_t ref) {
    const auto found = pages_.find(ref);
    HV_CHECK(found != pages_.end() && found->second.users != 0, "a grant that nobody uses");
    --found->second.users;
}

bool PersistentGrants::make_room() {
    auto oldest = pages_.end();
    for (auto it = pages_.begin(); it != pages_.end(); ++it) {
        if (it->second.users != 0) continue;
        if (oldest == pages_.end() || it->second.last_use < oldest->second.last_use) oldest = it;
    }
    if (oldest == pages_.end()) return false;
    pages_.erase(oldest);
    return true;
}

GuestPages::~GuestPages() {
    for (const grant_ref_t ref : kept_) persistent_->release(ref);
}

bool GuestPages::open(const std::vector<BlockRequest::Segment>& segments, Direction direction) {
    direction_ = direction;
    const auto use =
        direction == Direction::to_guest ? GrantedPage::Use::write : GrantedPage::Use::read;
    if (transfer_ == IoPath::Transfer::copy) {
        segments_ = segments;
        std::size_t length = 0;
        for (const BlockRequest::Segment& segment : segments) length += segment.length;
        copy_.resize(length);
        std::size_t at = 0;
        for (const BlockRequest::Segment& segment : segments) {
            const auto page = GrantedPage::map(guest_, segment.gref, use);
            if (!page) return false;
            if (direction == Direction::from_guest)
                std::memcpy(copy_.data() + at, page->bytes().data() + segment.offset,
                            segment.length);
            at += segment.length;
        }
        return true;
    }
    mapped_.reserve(segments.size());
    for (const BlockRequest::Segment& segment : segments) {
        GrantedPage* page = persistent_ != nullptr ? persistent_->take(segment.gref) : nullptr;
        if (page != nullptr) {
            kept_.push_back(segment.gref);
        } else {
            auto mapped = GrantedPage::map(guest_, segment.gref, use);
            if (!mapped) return false;
            page = &mapped_.emplace_back(std::move(*mapped));
        }
        pages_.push_back({page, segment});
    }
    return true;
}

Pieces GuestPages::pieces() {
    Pieces pieces;
    if (transfer_ == IoPath::Transfer::copy) {
        if (!copy_.empty()) pieces.push_back({copy_.data(), copy_.size()});
        return pieces;
    }
    pieces.reserve(pages_.size());
    for (const Page& page : pages_) {
        // Nobody stores through the pieces of a disk's write.
        std::byte* const bytes = direction_ == Direction::to_guest
                                     ? page.page->room().data()
                                     : const_cast<std::byte*>(page.page->bytes().data());
        pieces.push_back({bytes + page.segment.offset, page.segment.length});
    }
    return pieces;
}

bool GuestPages::filled() {
    if (transfer_ != IoPath::Transfer::copy) {
        for (const Page& page : pages_) page.page->filled(page.segment.offset, page.segment.length);
        return true;
    }
    std::span<const std::byte> rest = copy_;
    for (const BlockRequest::Segment& segment : segments_) {
        auto page = GrantedPage::map(guest_, segment.gref, GrantedPage::Use::write);
        if (!page) return false;
        page->write(segment.offset, rest.first(segment.length));
        rest = rest.subspan(segment.length);
    }
    return true;
}

}  // namespace ring3
