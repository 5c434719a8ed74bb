// SPDX-License-Identifier: MIT
#include "hv/io/net/back_end/queue.hpp"

#include <utility>

namespace ring3::net {

Queue::Queue(DriverDomain& domain, Domain& guest, Rings rings, const Features& features,
             Device device, const std::string& name)
    : domain_(domain),
      guest_(guest),
      features_(features),
      device_(std::move(device)),
      tx_(guest, std::move(rings.tx)),
      rx_(guest, std::move(rings.rx)),
      tx_driver_(domain, device_.make_path(), name + " tx",
                 {.waiting = [this] { return tx_.waiting(); },
                  .serve = [this] { return serve_tx(); },
                  .ask_for_kick = [this] { return ask_for_tx_kick(); },
                  .notify =
                      [this] {
                          if (tx_.wants_event()) tx_port_->notify();
                      }}),
      rx_driver_(domain, device_.make_path(), name + " rx",
                 {.waiting = [this] { return rx_.available(); },
                  .serve = [this] { return serve_rx(); },
                  .ask_for_kick = [this] { return ask_for_rx_kick(); },
                  .notify =
                      [this] {
                          if (!rx_.wants_event()) return;
                          (rx_port_ ? rx_port_ : tx_port_)->notify();
                      }}),
      credit_timer_(domain.timers(), name + " credit", [this](Time) {
          is_held_ = false;
          tx_driver_.look();
      }) {
    const bool is_split = rings.tx_port != rings.rx_port;
    tx_port_.emplace(guest, rings.tx_port, [this, is_split] { event(true, !is_split); });
    if (is_split) rx_port_.emplace(guest, rings.rx_port, [this] { event(false, true); });
}

std::vector<RingDepth> Queue::depths() const {
    return {{"tx", static_cast<std::uint32_t>(tx_.waiting()), 0,
             SharedRing<::netif_tx_sring_entry>::size},
            {"rx", static_cast<std::uint32_t>(rx_.available()), 0,
             SharedRing<::netif_rx_sring_entry>::size}};
}

bool Queue::is_bound() const { return tx_port_->is_bound() && (!rx_port_ || rx_port_->is_bound()); }

void Queue::start() {
    tx_driver_.start();
    rx_driver_.start();
}

/// Inside of the guest's hypercall: only notes that there is work.
void Queue::event(bool tx, bool rx) {
    if (tx && !is_held_) tx_driver_.kicked();
    if (rx && !waiting_.is_empty()) rx_driver_.kicked();
}

/// Tells the device once.
bool Queue::is_broken() {
    tx_.check();
    rx_.check();
    const auto& why = tx_.broken() ? tx_.broken() : rx_.broken();
    if (why && !std::exchange(told_broken_, true)) device_.broken(*why);
    return told_broken_;
}

/// At most what the ring holds: nobody adds to it meanwhile.
std::size_t Queue::serve_tx() {
    if (is_broken() || is_held_) return 0;
    std::size_t taken = 0;
    while (tx_.waiting() != 0 && taken < SharedRing<::netif_tx_sring_entry>::size) {
        if (device_.limit != nullptr) {
            const Time now = domain_.now();
            const Time when = device_.limit->may_send_at(tx_.next_bytes(), now);
            if (when > now) {
                is_held_ = true;
                credit_timer_.set(when);
                break;
            }
        }
        const auto packet = tx_.take();
        if (!packet) break;
        taken += packet->slots;
        const std::size_t bytes = packet->frame ? packet->frame->bytes.size() : 0;
        if (device_.limit != nullptr) device_.limit->sent(bytes);
        // Mapped pages need no copy: the data move once, when they are received.
        const bool copies = tx_driver_.transfer() == IoPath::Transfer::copy;
        domain_.charge({packet->slots, copies ? bytes : 0});
        guest_.trace().note(trace::Event::net_transmit, guest_.id(), device_.number, bytes);
        if (packet->frame) device_.transmit(*packet->frame);
    }
    if (is_broken()) return 0;
    tx_.push();
    tx_driver_.responses_added(taken);
    return taken;
}

bool Queue::ask_for_tx_kick() { return !told_broken_ && !is_held_ && tx_.ask_for_kick(); }

bool Queue::has_room(const Frame& frame) const {
    return RxRing::slots_for(frame) <= rx_.available();
}

void Queue::put(const Frame& frame) {
    rx_.put(frame, features_.gso_style);
    domain_.charge({RxRing::slots_for(frame), frame.bytes.size()});
    guest_.trace().note(trace::Event::net_receive, guest_.id(), device_.number, frame.bytes.size());
}

void Queue::receive(const Frame& frame) {
    if (frame.bytes.empty() || frame.bytes.size() > most_frame_bytes) return;
    if (!features_.scatter_gather && frame.bytes.size() > page_size) return;
    if (is_broken()) return;
    if (waiting_.is_empty() && has_room(frame)) {
        put(frame);
        rx_.push();
        rx_driver_.responses_added(RxRing::slots_for(frame));
        return;
    }
    if (!features_.rx_notify) return;
    const bool is_first = waiting_.is_empty();
    // The look asks for the kick that tells of new buffers.
    if (waiting_.push(frame) && is_first) rx_driver_.look();
}

std::size_t Queue::serve_rx() {
    if (is_broken()) return 0;
    std::size_t slots = 0;
    while (!waiting_.is_empty() && has_room(waiting_.front())) {
        slots += RxRing::slots_for(waiting_.front());
        put(waiting_.front());
        waiting_.pop();
    }
    if (slots == 0) return 0;
    rx_.push();
    rx_driver_.responses_added(slots);
    return slots;
}

bool Queue::ask_for_rx_kick() {
    if (told_broken_ || waiting_.is_empty()) return false;
    rx_.ask_for_kick();
    return has_room(waiting_.front());
}

}  // namespace ring3::net
