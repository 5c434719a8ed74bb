// SPDX-License-Identifier: MIT
// Looks at a machine now and then, for series over time: how much memory each domain has, what its
// vCPUs did so far, how full its rings are. Only reads, and only where the machine stops anyway, so
// that no guest can tell; under a virtual clock two runs are looked at in the same moments.
#pragma once

#include <array>
#include <cstddef>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "hv/base/units.hpp"
#include "hv/io/ring_depth.hpp"

namespace ring3 {

struct DomainSample {
    struct Ring {
        std::string device;  ///< "vbd-51712", "vif-0", "console"
        RingDepth depth;
    };

    DomainId id{};
    std::string name;
    Frames memory{};  ///< that it owns
    Frames target{};  ///< that its balloon driver is to reach
    /// Of each vCPU, the time in each RunState so far.
    std::vector<std::array<Duration, 4>> run_states;
    std::vector<Ring> rings;
};

struct MachineSample {
    Time at{};
    std::vector<DomainSample> domains;  ///< those that are built, in the order of their making
};

class Sampler final {
public:
    using Sink = std::function<void(const MachineSample&)>;
    /// After so many samples the period doubles: a guest may sleep for years of virtual time.
    static constexpr std::size_t samples_per_period = 4096;

    Sampler(Duration period, Sink sink) : period_(period), sink_(std::move(sink)) {}

    /// The first look at or after a multiple of the period.
    bool is_due(Time now) const { return next_ <= now; }
    void take(const MachineSample& sample) {
        if (++taken_ % samples_per_period == 0) period_ *= 2;
        next_ = Time{(sample.at.time_since_epoch() / period_ + 1) * period_};
        sink_(sample);
    }

private:
    Duration period_;
    Sink sink_;
    Time next_{};
    std::size_t taken_ = 0;
};

}  // namespace ring3
