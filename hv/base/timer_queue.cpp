// SPDX-License-Identifier: MIT
#include "hv/base/timer_queue.hpp"

namespace ring3 {

void TimerQueue::Timer::set(Time when) {
    cancel();
    if (when > latest) return;
    key_ = {when, ++queue_.last_sequence_};
    queue_.timers_.emplace(key_, this);
}

void TimerQueue::Timer::cancel() {
    if (!is_set()) return;
    queue_.timers_.erase(key_);
    key_ = {};
}

void TimerQueue::run_due(Time now) {
    const std::uint64_t newest = last_sequence_;
    auto it = timers_.begin();
    while (it != timers_.end() && it->first.first <= now) {
        Timer& timer = *it->second;
        if (it->first.second > newest) {
            ++it;
            continue;
        }
        timer.cancel();
        timer.action_(now);
        // The action may have set and cancelled anything.
        it = timers_.begin();
    }
}

}  // namespace ring3
