// SPDX-License-Identifier: MIT
#include "hv/io/net/link/link.hpp"

#include <utility>

namespace ring3::net {

Link::Link(DriverDomain& domain, std::unique_ptr<LinkModel> model, const std::string& name,
           Deliver deliver)
    : domain_(domain),
      model_(std::move(model)),
      deliver_(std::move(deliver)),
      task_(domain, [this] { deliver_due(); }),
      timer_(domain.timers(), name, [this](Time) { task_.schedule(); }) {}

void Link::send(const Frame& frame) {
    if (model_->is_ideal()) return deliver_(frame);
    plain_.each(frame, [this](const Frame& plain) {
        const auto arrival = model_->arrival(domain_.now(), plain.bytes.size());
        if (!arrival) return;
        const bool was_empty = under_way_.is_empty();
        if (under_way_.push(plain, *arrival) && was_empty) timer_.set(*arrival);
    });
}

void Link::deliver_due() {
    for (int count = 0; count < most_frames_per_task && !under_way_.is_empty(); ++count) {
        if (under_way_.front_due() > domain_.now()) return timer_.set(under_way_.front_due());
        deliver_(under_way_.front());
        under_way_.pop();
    }
    if (!under_way_.is_empty()) task_.schedule();
}

void Link::clear() {
    under_way_.clear();
    task_.cancel();
    timer_.cancel();
}

}  // namespace ring3::net
