// SPDX-License-Identifier: MIT
// The limit of `rate=` in a vif's config: so many bytes of transmission per interval. What is not
// used adds up, to one interval's credit or to what the largest packet needs.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "hv/base/units.hpp"

namespace ring3::net {

class RateLimit final {
public:
    /// Both greater than zero.
    struct Rate {
        std::uint64_t bytes_per_interval;
        Duration interval;
    };

    RateLimit(Rate rate, Time now)
        : rate_(rate),
          most_(std::max(rate.bytes_per_interval, std::uint64_t{131'072})),
          credit_(rate.bytes_per_interval),
          since_(now) {}

    /// When a packet of this size may go: `now` or later.
    Time may_send_at(std::size_t bytes, Time now) {
        refill(now);
        return bytes <= credit_ ? now : since_ + rate_.interval;
    }
    /// It went.
    void sent(std::size_t bytes) { credit_ -= std::min<std::uint64_t>(bytes, credit_); }

private:
    void refill(Time now) {
        const auto intervals = static_cast<std::uint64_t>((now - since_) / rate_.interval);
        since_ += static_cast<std::int64_t>(intervals) * rate_.interval;
        const std::uint64_t lacking = most_ - credit_;
        // No product that could overflow: more intervals than this fill it anyway.
        const std::uint64_t enough = lacking / rate_.bytes_per_interval + 1;
        credit_ = std::min(most_, credit_ + std::min(intervals, enough) * rate_.bytes_per_interval);
    }

    const Rate rate_;
    const std::uint64_t most_;
    std::uint64_t credit_;
    /// Start of the interval that goes on.
    Time since_;
};

}  // namespace ring3::net
