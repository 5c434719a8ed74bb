// SPDX-License-Identifier: MIT
#include "hv/io/block/queue.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "hv/base/check.hpp"

namespace ring3 {
namespace {

using Kind = BlockRequest::Kind;

std::int16_t status_of(int error) {
    if (error == 0) return BLKIF_RSP_OKAY;
    return error == EOPNOTSUPP ? BLKIF_RSP_EOPNOTSUPP : BLKIF_RSP_ERROR;
}

}  // namespace

BlockQueue::BlockQueue(const Device& device, Channel channel, std::unique_ptr<IoPath> path,
                       const std::string& name)
    : device_(device),
      ring_(std::move(channel.pages)),
      persistent_(device.guest),
      has_persistent_grants_(channel.has_persistent_grants),
      answer_task_(device.driver_domain, [this] { answer_ready(); }),
      answer_timer_(device.driver_domain.timers(), name + " answer",
                    [this](Time) { answer_task_.schedule(); }),
      driver_(device.driver_domain, std::move(path), name,
              {.waiting = [this] { return ring_.waiting().value_or(0); },
               .serve = [this] { return serve(); },
               .ask_for_kick = [this] { return can_take() && ring_.ask_for_kick(); },
               .notify =
                   [this] {
                       if (ring_.wants_event()) port_.notify();
                   }}),
      port_(device.guest, channel.port, [this] { driver_.kicked(); }) {}

BlockQueue::~BlockQueue() = default;

bool BlockQueue::can_take() const {
    return !is_broken_ && barrier_ == nullptr && bytes_in_flight_ < most_bytes_in_flight;
}

std::size_t BlockQueue::serve() {
    is_working_ = true;
    std::size_t taken = 0;
    for (std::uint64_t bytes = 0;
         can_take() && bytes < most_bytes_per_look && taken < ring_.entries(); ++taken) {
        const auto waiting = ring_.waiting();
        if (!waiting) broke("its ring's producer index is further on than the ring is long");
        if (waiting.value_or(0) == 0) break;
        bytes += take_one();
    }
    answer_ready();
    return taken;
}

std::uint64_t BlockQueue::take_one() {
    const blkif_request raw = ring_.take();
    InFlight& flight = in_flight_.emplace_back();
    flight.self = std::prev(in_flight_.end());
    BlockRequest& request = flight.request;
    flight.status = check_request(
        raw, device_.disk.properties(),
        [this](grant_ref_t gref, std::span<blkif_request_segment> segments) {
            return read_indirect(gref, segments);
        },
        request);
    if (flight.status == BLKIF_RSP_OKAY && !open_pages(flight)) flight.status = BLKIF_RSP_ERROR;
    const bool is_good = flight.status == BLKIF_RSP_OKAY;
    if (!is_good) request.segments.clear();
    const std::uint64_t bytes = request.segments.empty() ? 0 : request.length;
    bytes_in_flight_ += bytes;
    flight.taken = device_.driver_domain.now();
    note_taken(request);
    // Bytes cost the CPU where it copies them; where they are mapped, the disk moves them.
    const bool is_copied = driver_.transfer() == IoPath::Transfer::copy;
    device_.driver_domain.charge({1, is_copied ? bytes : 0});
    if (!is_good) {
        finished(flight);
    } else if (request.kind == Kind::barrier) {
        barrier_ = &flight;
        if (in_flight_.size() == 1) begin(flight);
    } else {
        begin(flight);
    }
    return bytes;
}

void BlockQueue::note_taken(const BlockRequest& request) {
    constexpr std::array events{trace::Event::block_read, trace::Event::block_write,
                                trace::Event::block_flush, trace::Event::block_write,
                                trace::Event::block_discard};
    device_.guest.trace().note(events[static_cast<std::size_t>(request.kind)], device_.guest.id(),
                               device_.number, request.offset, request.length);
}

bool BlockQueue::open_pages(InFlight& flight) {
    if (flight.request.segments.empty()) return true;
    flight.pages = std::make_unique<GuestPages>(device_.guest, driver_.transfer(),
                                                has_persistent_grants_ ? &persistent_ : nullptr);
    return flight.pages->open(flight.request.segments, flight.request.kind == Kind::read
                                                           ? GuestPages::Direction::to_guest
                                                           : GuestPages::Direction::from_guest);
}

bool BlockQueue::read_indirect(grant_ref_t gref, std::span<blkif_request_segment> segments) {
    const auto page = GrantedPage::map(device_.guest, gref, GrantedPage::Use::read);
    if (!page) return false;
    const auto bytes = std::as_writable_bytes(segments);
    std::memcpy(bytes.data(), page->bytes().data(), bytes.size());
    return true;
}

/// Gives a request to the disk. A flush with data is a flush, then a write; a barrier is a flush, a
/// write, and a flush again.
void BlockQueue::begin(InFlight& flight) {
    if (&flight == barrier_) barrier_began_ = true;
    BlockRequest& request = flight.request;
    flight.ready = device_.driver_domain.now();
    switch (request.kind) {
        case Kind::read:
            ask_model(flight, DiskAccess::Kind::read);
            return device_.disk.read(request.offset, flight.pages->pieces(),
                                     [this, &flight](int error) {
                                         if (error == 0 && !flight.pages->filled()) error = EFAULT;
                                         step_done(flight, error);
                                     });
        case Kind::write:
            return start_write(flight);
        case Kind::flush:
        case Kind::barrier:
            ask_model(flight, DiskAccess::Kind::flush);
            return device_.disk.flush([this, &flight](int error) {
                error == 0 && flight.pages ? start_write(flight) : step_done(flight, error);
            });
        case Kind::discard:
            ask_model(flight, DiskAccess::Kind::discard);
            return device_.disk.discard(request.offset, request.length,
                                        [this, &flight](int error) { step_done(flight, error); });
    }
}

void BlockQueue::start_write(InFlight& flight) {
    ask_model(flight, DiskAccess::Kind::write);
    device_.disk.write(flight.request.offset, flight.pages->pieces(), [this, &flight](int error) {
        if (error != 0 || flight.request.kind != Kind::barrier) return step_done(flight, error);
        ask_model(flight, DiskAccess::Kind::flush);
        device_.disk.flush([this, &flight](int late) { step_done(flight, late); });
    });
}

void BlockQueue::step_done(InFlight& flight, int error) {
    flight.status = status_of(error);
    finished(flight);
}

void BlockQueue::ask_model(InFlight& flight, DiskAccess::Kind kind) {
    if (device_.model == nullptr) return;
    const bool has_place = kind != DiskAccess::Kind::flush;
    const Time done = device_.model->completes_at(
        device_.driver_domain.now(),
        {kind, has_place ? flight.request.offset : 0, has_place ? flight.request.length : 0});
    flight.ready = std::max(flight.ready, done);
}

/// Nothing is left to do but to answer. A request that was refused is answered at once.
void BlockQueue::finished(InFlight& flight) {
    ready_.emplace(flight.ready, &flight);
    if (!is_working_) answer_task_.schedule();
}

void BlockQueue::answer_ready() {
    is_working_ = true;
    const Time now = device_.driver_domain.now();
    while (!ready_.empty() && ready_.begin()->first <= now) {
        InFlight& flight = *ready_.begin()->second;
        ready_.erase(ready_.begin());
        answer(flight);
    }
    if (!ready_.empty()) answer_timer_.set(ready_.begin()->first);
    is_working_ = false;
    if (can_take() && ring_.waiting().value_or(0) != 0) driver_.look();
    if (unannounced_ != 0) driver_.responses_added(std::exchange(unannounced_, 0));
}

void BlockQueue::answer(InFlight& flight) {
    ring_.put(flight.request.response(flight.status));
    const Duration took = device_.driver_domain.now() - flight.taken;
    device_.guest.trace().note(trace::Event::block_done, device_.guest.id(), device_.number,
                               static_cast<std::uint64_t>(std::int64_t{flight.status}),
                               static_cast<std::uint64_t>(took.count()));
    ++unannounced_;
    if (!flight.request.segments.empty()) bytes_in_flight_ -= flight.request.length;
    if (&flight == barrier_) {
        barrier_ = nullptr;
        barrier_began_ = false;
    }
    in_flight_.erase(flight.self);
    if (barrier_ != nullptr && !barrier_began_ && in_flight_.size() == 1) begin(*barrier_);
}

void BlockQueue::broke(const std::string& why) {
    is_broken_ = true;
    device_.broken(why);
}

}  // namespace ring3
