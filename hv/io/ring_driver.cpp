// SPDX-License-Identifier: MIT
#include "hv/io/ring_driver.hpp"

#include <utility>

namespace ring3 {

RingDriver::RingDriver(DriverDomain& domain, std::unique_ptr<IoPath> path, const std::string& name,
                       Ring ring)
    : domain_(domain),
      path_(std::move(path)),
      ring_(std::move(ring)),
      look_(domain, [this] { do_look(); }),
      look_timer_(domain.timers(), name + " look", [this](Time) { look(); }),
      notify_timer_(domain.timers(), name + " notify", [this](Time) { do_notify(); }) {}

void RingDriver::start() { look(); }

void RingDriver::kicked() {
    if (look_.is_scheduled()) return;
    const Time now = domain_.now();
    if (!first_kick_) first_kick_ = now;
    const Time when = path_->look_at(now, ring_.waiting(), *first_kick_);
    if (when <= now)
        look();
    else
        look_timer_.set(when);
}

void RingDriver::do_look() {
    look_timer_.cancel();
    first_kick_.reset();
    std::size_t taken = ring_.serve();
    if (path_->wants_kicks() && ring_.ask_for_kick()) {
        // What came between the last look and the asking is not announced by any event.
        look();
    }
    const Time again = path_->look_again(domain_.now(), taken);
    if (again != never) look_timer_.set(again);
}

void RingDriver::responses_added(std::size_t count) {
    if (count == 0) return;
    const Time now = domain_.now();
    if (unannounced_ == 0) first_unannounced_ = now;
    unannounced_ += count;
    const Time when = path_->notify_at(now, unannounced_, first_unannounced_);
    if (when <= now)
        do_notify();
    else
        notify_timer_.set(when);
}

void RingDriver::do_notify() {
    notify_timer_.cancel();
    unannounced_ = 0;
    ring_.notify();
}

}  // namespace ring3
