// SPDX-License-Identifier: MIT
// Wall time: the host's monotonic clock, counted from the machine's start. For interactive use and
// for comparisons with other platforms. The only file of the hypervisor that reads a clock of the
// host.
#include <algorithm>
#include <chrono>

#include "hv/base/params.hpp"
#include "hv/base/registry.hpp"
#include "hv/clock/clock.hpp"

namespace ring3 {
namespace {

using namespace std::chrono_literals;
using HostClock = std::chrono::steady_clock;

class Wall final : public Clock {
public:
    explicit Wall(Params& params)
        : look_every_(params.duration("look_every_us", 1ms,
                                      "longest run of guest code before the time is read again",
                                      1us, 1s)),
          start_(HostClock::now()),
          sampled_at_(start_),
          date_at_start_(std::chrono::duration_cast<Duration>(
              std::chrono::system_clock::now().time_since_epoch())) {}

    World world() const override { return World::open; }

    Time now(std::uint64_t) override { return Time{HostClock::now() - start_}; }

    std::uint64_t budget(std::uint64_t retired, Time deadline) override {
        measure_speed(retired);
        const Duration left = std::clamp(deadline - now(retired), Duration{1us}, look_every_);
        // At most 10^9 times 2^14: fits.
        const auto count = static_cast<std::uint64_t>(left.count()) * speed_ / 1000;
        return std::max<std::uint64_t>(count, 1);
    }

    Duration idle(std::uint64_t retired, Time deadline) override {
        // What passes while the machine sleeps says nothing about its speed.
        sampled_at_ = HostClock::now();
        sampled_retired_ = retired;
        if (deadline == never) return Duration::max();
        return std::max(deadline - now(retired), Duration::zero());
    }

    void charge_io(std::uint64_t, std::uint64_t) override {}

    Duration date_at_start() const override { return date_at_start_; }

private:
    /// Estimates how many instructions a microsecond takes, so that a budget ends near its
    /// deadline.
    void measure_speed(std::uint64_t retired) {
        const auto host_now = HostClock::now();
        const auto passed =
            std::chrono::duration_cast<std::chrono::microseconds>(host_now - sampled_at_);
        if (passed < 1ms) return;
        const std::uint64_t measured =
            (retired - sampled_retired_) / static_cast<std::uint64_t>(passed.count());
        speed_ = std::clamp<std::uint64_t>((speed_ + measured) / 2, 1, std::uint64_t{1} << 14);
        sampled_at_ = host_now;
        sampled_retired_ = retired;
    }

    const Duration look_every_;
    const HostClock::time_point start_;
    HostClock::time_point sampled_at_;
    std::uint64_t sampled_retired_ = 0;
    /// Instructions per microsecond. The first guess is low: too short a budget costs less than a
    /// late timer.
    std::uint64_t speed_ = 20;
    const Duration date_at_start_;
};

const Registered<Clock, Wall> entry{"wall", "the host's monotonic clock; for interactive use"};

}  // namespace
}  // namespace ring3
