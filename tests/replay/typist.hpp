// SPDX-License-Identifier: MIT
// Somebody at a guest's console in an open or recorded world, who types each line when the guest
// has shown what comes before it.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "hv/machine/machine.hpp"
#include "hv/machine/outside.hpp"

namespace ring3::test {

class Typist final : public Outside {
public:
    struct Line {
        std::string after;  ///< shown since the line before
        std::string typed;
    };

    explicit Typist(std::vector<Line> lines = {}) : lines_(std::move(lines)) {}

    /// What the guest shows goes to see().
    void sit_down(Machine& machine, const Guest& guest) {
        machine_ = &machine;
        guest_ = &guest;
    }
    void see(std::span<const std::byte> output) {
        for (const std::byte byte : output) shown += static_cast<char>(byte);
    }

    bool wants_stop() override { return false; }
    void prepare(std::vector<pollfd>&, Duration& at_most) override {
        // Nothing wakes the machine when it is time to type.
        if (has_more()) at_most = std::min<Duration>(at_most, std::chrono::milliseconds{10});
    }
    void dispatch(std::span<const pollfd>) override {
        if (!has_more()) return;
        if (rest_.empty()) {
            const auto found = shown.find(lines_[next_].after, seen_);
            if (found == shown.npos) return;
            seen_ = found + lines_[next_].after.size();
            rest_ = lines_[next_++].typed;
        }
        rest_.erase(0, machine_->type(*guest_, std::as_bytes(std::span{rest_})));
    }

    std::string shown;

private:
    bool has_more() const {
        return machine_ != nullptr && (next_ < lines_.size() || !rest_.empty());
    }

    const std::vector<Line> lines_;
    Machine* machine_ = nullptr;
    const Guest* guest_ = nullptr;
    std::size_t next_ = 0, seen_ = 0;
    std::string rest_;
};

}  // namespace ring3::test
