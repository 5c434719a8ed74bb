// SPDX-License-Identifier: MIT
// The hypervisor's own log: the last lines, for `dmesg`, each handed on to whoever listens.
#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <string>
#include <string_view>

#include "hv/base/units.hpp"
#include "hv/domain/hypervisor.hpp"

namespace ring3 {

class Log {
public:
    struct Line {
        Time time{};
        LogLevel level = LogLevel::info;
        std::string text;
    };
    using Listener = std::function<void(const Line&)>;

    explicit Log(Listener listener) : listener_(std::move(listener)) {}

    void add(Time time, LogLevel level, std::string_view text) {
        lines_.push_back({time, level, std::string(text)});
        if (lines_.size() > most_lines) lines_.pop_front();
        if (listener_) listener_(lines_.back());
    }
    const std::deque<Line>& lines() const { return lines_; }
    void clear() { lines_.clear(); }

private:
    static constexpr std::size_t most_lines = 1000;
    std::deque<Line> lines_;
    Listener listener_;
};

}  // namespace ring3
