// SPDX-License-Identifier: MIT
#include "hv/io/block/request_ring.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cstring>
#include <utility>

#include "hv/base/check.hpp"

namespace ring3 {

RequestRing::RequestRing(std::vector<GrantedPage> pages)
    : pages_(std::move(pages)),
      entries_(std::bit_floor(static_cast<std::uint32_t>(
          (pages_.size() * page_size - abi::blkif_ring_header) / abi::blkif_ring_entry))),
      // What was answered to an earlier back end needs no answer.
      taken_(index(offsetof(blkif_sring, rsp_prod))),
      answered_(taken_),
      announced_(taken_) {}

std::uint32_t RequestRing::index(std::size_t offset) const {
    std::uint32_t value;
    std::memcpy(&value, pages_.front().bytes().data() + offset, sizeof value);
    // What is read after an index was written before it.
    std::atomic_thread_fence(std::memory_order_acquire);
    return value;
}

void RequestRing::set_index(std::size_t offset, std::uint32_t value) {
    std::atomic_thread_fence(std::memory_order_release);
    pages_.front().write(offset, std::as_bytes(std::span{&value, 1}));
    std::atomic_thread_fence(std::memory_order_seq_cst);
}

void RequestRing::read(std::size_t offset, std::span<std::byte> bytes) const {
    while (!bytes.empty()) {
        const std::size_t in_page = offset % page_size;
        const std::size_t here = std::min<std::size_t>(bytes.size(), page_size - in_page);
        std::memcpy(bytes.data(), pages_[offset / page_size].bytes().data() + in_page, here);
        offset += here;
        bytes = bytes.subspan(here);
    }
}

void RequestRing::write(std::size_t offset, std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
        const std::size_t in_page = offset % page_size;
        const std::size_t here = std::min<std::size_t>(bytes.size(), page_size - in_page);
        pages_[offset / page_size].write(in_page, bytes.first(here));
        offset += here;
        bytes = bytes.subspan(here);
    }
}

std::optional<std::uint32_t> RequestRing::waiting() const {
    const std::uint32_t produced = index(offsetof(blkif_sring, req_prod));
    // An honest front end waits for a response before it uses an entry again.
    if (produced - answered_ > entries_) return std::nullopt;
    const std::uint32_t count = produced - taken_;
    // It may also have taken requests back.
    if (count > entries_) return std::nullopt;
    return count;
}

blkif_request RequestRing::take() {
    blkif_request request;
    read(place_of(taken_), std::as_writable_bytes(std::span{&request, 1}));
    ++taken_;
    return request;
}

void RequestRing::put(const blkif_response& response) {
    HV_CHECK(answered_ != taken_, "a response to no request");
    // Field by field: what stands between them would be left over from our own stack.
    std::array<std::byte, sizeof response> bytes{};
    const auto set = [&](std::size_t offset, const auto& field) {
        std::memcpy(bytes.data() + offset, &field, sizeof field);
    };
    set(offsetof(blkif_response, id), response.id);
    set(offsetof(blkif_response, operation), response.operation);
    set(offsetof(blkif_response, status), response.status);
    write(place_of(answered_), bytes);
    set_index(offsetof(blkif_sring, rsp_prod), ++answered_);
}

bool RequestRing::ask_for_kick() {
    if (waiting().value_or(0) != 0) return true;
    set_index(offsetof(blkif_sring, req_event), taken_ + 1);
    return waiting().value_or(0) != 0;
}

bool RequestRing::wants_event() {
    const std::uint32_t event = index(offsetof(blkif_sring, rsp_event));
    const bool wants = answered_ - event < answered_ - announced_;
    announced_ = answered_;
    return wants;
}

}  // namespace ring3
