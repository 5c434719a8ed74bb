// SPDX-License-Identifier: MIT
// The back end's half of a ring of one page (Xen's public io/ring.h). The guest can write anything
// anywhere at any time: an index is read once per question, a request is copied before it is looked
// at, and impossible indices are an answer.
#pragma once

#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <utility>

#include "hv/domain/granted_page.hpp"

namespace ring3::net {

/// `Entry` is the ring's union of a request and a response.
template <class Entry>
class SharedRing final {
public:
    static constexpr std::uint32_t size = 256;

    /// Goes on where an earlier back end stopped, if there was one.
    explicit SharedRing(GrantedPage page) : page_(std::move(page)) {
        responses_ = announced_ = requests_ = index(rsp_prod);
    }

    /// Requests that were not taken; nothing when the front end's index is impossible.
    std::optional<std::uint32_t> waiting() const {
        const std::uint32_t count = index(req_prod) - requests_;
        return count <= size ? std::optional{count} : std::nullopt;
    }
    /// A copy of the next request, which is there.
    template <class T>
    T next() const {
        static_assert(sizeof(T) <= sizeof(Entry));
        T request;
        std::memcpy(&request, page_.bytes().data() + offset_of(requests_), sizeof request);
        return request;
    }
    void take() { ++requests_; }

    /// Puts the next response in, for a request that was taken; the front end sees it after push().
    template <class T>
    void respond(const T& response) {
        static_assert(sizeof(T) <= sizeof(Entry));
        page_.write(offset_of(responses_++), std::as_bytes(std::span{&response, 1}));
    }
    void push() { set_index(rsp_prod, responses_); }
    /// Whether the front end wants an event for what was pushed since the last time this was asked.
    bool wants_event() {
        const std::uint32_t since_last = responses_ - std::exchange(announced_, responses_);
        return responses_ - index(rsp_event) < since_last;
    }
    /// Asks for an event when the front end has put `more` requests in beyond those there are.
    void ask_for_event(std::uint32_t more) {
        set_index(req_event, requests_ + waiting().value_or(0) + more);
    }

private:
    static constexpr std::uint64_t req_prod = 0, req_event = 4, rsp_prod = 8, rsp_event = 12,
                                   first_entry = 64;
    static_assert(first_entry + size * sizeof(Entry) <= page_size);

    static std::uint64_t offset_of(std::uint32_t entry) {
        return first_entry + entry % size * sizeof(Entry);
    }
    std::uint32_t index(std::uint64_t offset) const {
        std::uint32_t value;
        std::memcpy(&value, page_.bytes().data() + offset, sizeof value);
        return value;
    }
    void set_index(std::uint64_t offset, std::uint32_t value) {
        page_.write(offset, std::as_bytes(std::span{&value, 1}));
    }

    GrantedPage page_;
    std::uint32_t requests_ = 0;
    std::uint32_t responses_ = 0;
    std::uint32_t announced_ = 0;
};

}  // namespace ring3::net
