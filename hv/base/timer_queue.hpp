// SPDX-License-Identifier: MIT
// What is to happen at which time. The order is that of the times, then that of the calls to set():
// nothing else, so that a run repeats.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>

#include "hv/base/units.hpp"

namespace ring3 {

class TimerQueue {
public:
    /// Later than any moment that a machine reaches, and far enough below `never` to add to.
    static constexpr Time latest{Duration::max() / 4};

    /// One thing that can be set to happen. Must not outlive its queue.
    class Timer {
    public:
        using Action = std::function<void(Time now)>;
        /// `name` stands in the digest of the machine's state, unless it is empty.
        Timer(TimerQueue& queue, std::string name, Action action)
            : queue_(queue), name_(std::move(name)), action_(std::move(action)) {}
        ~Timer() { cancel(); }
        Timer(const Timer&) = delete;
        Timer& operator=(const Timer&) = delete;

        /// Replaces what was set before. A time after `latest` never comes.
        void set(Time when);
        void cancel();
        bool is_set() const { return key_.second != 0; }
        const std::string& name() const { return name_; }

    private:
        friend class TimerQueue;
        TimerQueue& queue_;
        std::string name_;
        Action action_;
        std::pair<Time, std::uint64_t> key_{};
    };

    /// `never` when nothing is set.
    Time next() const { return timers_.empty() ? never : timers_.begin()->first.first; }
    /// Does what is due. What that sets anew waits for the next call.
    void run_due(Time now);

    template <class Function>
    void for_each(Function function) const {
        for (const auto& [key, timer] : timers_) function(key.first, timer->name());
    }

private:
    std::map<std::pair<Time, std::uint64_t>, Timer*> timers_;
    std::uint64_t last_sequence_ = 0;
};

}  // namespace ring3
