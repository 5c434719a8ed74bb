// SPDX-License-Identifier: MIT
#include "hv/machine/scripted_input.hpp"

#include <algorithm>
#include <span>

namespace ring3 {

ScriptedInput::ScriptedInput(TimerQueue& timers, Guest& guest, Duration quiet)
    : guest_(guest),
      quiet_(quiet),
      timer_(timers, "scripted input", [this](Time now) { type_line(now); }) {}

void ScriptedInput::output_seen(Time now) {
    if (is_at_end()) return;
    if (!started_) last_line_ = now;
    started_ = true;
    timer_.set(std::min(now + quiet_, std::max(now, last_line_ + quiet_ * patience)));
}

void ScriptedInput::type_line(Time now) {
    Console* const console = guest_.console();
    if (console == nullptr || is_at_end()) return;
    if (console->has_read_all()) {
        const std::span<const std::byte> rest =
            std::span{guest_.spec().scripted_input}.subspan(position_);
        const auto end = std::find(rest.begin(), rest.end(), std::byte{'\n'});
        const auto line = static_cast<std::size_t>(end - rest.begin()) + (end != rest.end());
        position_ += console->offer_input(rest.first(line));
        last_line_ = now;
    }
    if (!is_at_end()) timer_.set(now + quiet_);
}

}  // namespace ring3
