// SPDX-License-Identifier: MIT
#include "hv/io/store/connection.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "hv/abi/xs_wire.hpp"

namespace ring3::store {
namespace {

constexpr ByteRing::Layout request_layout{
    offsetof(abi::StoreRing, req), sizeof(abi::StoreRing::req), offsetof(abi::StoreRing, req_cons),
    offsetof(abi::StoreRing, req_prod)};
constexpr ByteRing::Layout reply_layout{offsetof(abi::StoreRing, rsp), sizeof(abi::StoreRing::rsp),
                                        offsetof(abi::StoreRing, rsp_cons),
                                        offsetof(abi::StoreRing, rsp_prod)};

/// Single events wait up to this; then those of whole watches, of which a client has few.
constexpr std::size_t most_waiting_bytes = 64 * 1024;
constexpr std::size_t most_waiting_bytes_ever = 2 * 1024 * 1024;

}  // namespace

Connection::Connection(FrameTable& frames, Mfn page, Store& store, DomainId client, Notify notify)
    : frames_(frames),
      page_(page),
      requests_(frames, page, request_layout),
      replies_(frames, page, reply_layout),
      store_(store),
      client_(client),
      notify_(std::move(notify)) {
    const std::uint32_t features = XENSTORE_SERVER_FEATURE_ERROR;
    frames_.write(page_, offsetof(abi::StoreRing, server_features),
                  std::as_bytes(std::span{&features, 1}));
}

void Connection::serve() {
    queue_events();
    send();
    Message request;
    while (!broken_ && unsent_.empty() && take_request(request)) {
        queue(answer(store_, client_, request));
        queue_events();
        send();
    }
    if (std::exchange(moved_, false)) notify_();
}

void Connection::add_event(std::string_view path, std::string_view token) {
    if (broken_ || queue_event(path, token, most_waiting_bytes)) return;
    const std::string all = store_.watched_above(client_, path, token);
    if (!queue_event(all.empty() ? path : all, token, most_waiting_bytes_ever))
        break_off(XENSTORE_ERROR_COMM);
}

/// False: there is no room for it.
bool Connection::queue_event(std::string_view path, std::string_view token,
                             std::size_t most_bytes) {
    std::string payload = watch_event(path, token).payload;
    // Its token was too long to be told of anything.
    if (payload.size() > abi::store_payload_max) return true;
    // An event says "look again": once is enough.
    if (known_events_.contains(payload)) return true;
    if (waiting_bytes_ + payload.size() > most_bytes) return false;
    waiting_bytes_ += payload.size();
    known_events_.insert(payload);
    waiting_events_.push_back(std::move(payload));
    return true;
}

/// The next whole message, when it has arrived.
bool Connection::take_request(Message& request) {
    if (!receive(sizeof(abi::StoreHeader))) return false;
    abi::StoreHeader header;
    std::memcpy(&header, received_.data(), sizeof header);
    if (header.len > abi::store_payload_max) {
        break_off(XENSTORE_ERROR_PROTO);
        return false;
    }
    if (!receive(sizeof header + header.len)) return false;
    request = {header.type, header.req_id, header.tx_id, {}};
    request.payload.resize(header.len);
    std::memcpy(request.payload.data(), received_.data() + sizeof header, header.len);
    received_.clear();
    return true;
}

/// Takes from the ring until `wanted` bytes of the message are here.
bool Connection::receive(std::size_t wanted) {
    if (!requests_.used()) {
        break_off(XENSTORE_ERROR_RINGIDX);
        return false;
    }
    if (received_.size() < wanted) {
        const auto bytes = requests_.take(wanted - received_.size());
        moved_ |= !bytes.empty();
        received_.insert(received_.end(), bytes.begin(), bytes.end());
    }
    return received_.size() >= wanted;
}

void Connection::queue(const Message& message) {
    const abi::StoreHeader header{message.type, message.request_id, message.transaction,
                                  static_cast<std::uint32_t>(message.payload.size())};
    const auto head = std::as_bytes(std::span{&header, 1});
    const auto body = std::as_bytes(std::span{message.payload});
    unsent_.insert(unsent_.end(), head.begin(), head.end());
    unsent_.insert(unsent_.end(), body.begin(), body.end());
}

void Connection::queue_events() {
    // One at a time when the ring is full: the queue of messages knows its duplicates, bytes do
    // not.
    send();
    while (unsent_.empty() && !waiting_events_.empty()) {
        Message event{XS_WATCH_EVENT, 0, 0, std::move(waiting_events_.front())};
        waiting_events_.pop_front();
        known_events_.erase(event.payload);
        waiting_bytes_ -= event.payload.size();
        queue(event);
        send();
    }
}

void Connection::send() {
    if (broken_ || unsent_.empty()) return;
    if (!replies_.used()) return break_off(XENSTORE_ERROR_RINGIDX);
    const std::size_t sent = replies_.put(unsent_);
    moved_ |= sent > 0;
    unsent_.erase(unsent_.begin(), unsent_.begin() + static_cast<std::ptrdiff_t>(sent));
}

void Connection::break_off(std::uint32_t why) {
    broken_ = true;
    unsent_.clear();
    waiting_events_.clear();
    known_events_.clear();
    waiting_bytes_ = 0;
    received_.clear();
    frames_.write(page_, offsetof(abi::StoreRing, error), std::as_bytes(std::span{&why, 1}));
}

}  // namespace ring3::store
