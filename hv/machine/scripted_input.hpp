// SPDX-License-Identifier: MIT
// Types a prepared text at a guest's console, line by line, at virtual times that follow from the
// run alone: a line when the guest has read all before it and its console has been quiet for a
// while, as a person waits for the prompt. A guest that never falls quiet gets the next line all
// the same.
#pragma once

#include <cstddef>
#include <vector>

#include "hv/base/timer_queue.hpp"
#include "hv/base/units.hpp"
#include "hv/machine/guest.hpp"

namespace ring3 {

class ScriptedInput {
public:
    /// Starts with the guest's first output.
    ScriptedInput(TimerQueue& timers, Guest& guest, Duration quiet);

    /// The guest's console has shown something.
    void output_seen(Time now);
    /// All is handed over.
    bool is_at_end() const { return position_ == guest_.spec().scripted_input.size(); }

private:
    void type_line(Time now);

    /// The longest wait for silence, in quiet times.
    static constexpr int patience = 20;

    Guest& guest_;
    const Duration quiet_;
    std::size_t position_ = 0;
    Time last_line_{};
    bool started_ = false;
    TimerQueue::Timer timer_;
};

}  // namespace ring3
