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

    Time now(std::uint64_t retired) override { return Time{host_now(retired) - start_}; }

    std::uint64_t budget(std::uint64_t retired, Time deadline) override {
        measure_speed(retired);
        const Duration left = std::clamp(deadline - now(retired), Duration{1us}, look_every_);
        // At most 10^9 times 2^14: fits.
        const auto count = static_cast<std::uint64_t>(left.count()) * speed_ / 1000;
        return std::max<std::uint64_t>(count, 1);
    }

    Duration idle(std::uint64_t retired, Time deadline) override {
        has_slept_ = true;
        if (deadline == never) return Duration::max();
        return std::max(deadline - now(retired), Duration::zero());
    }

    Duration date_at_start() const override { return date_at_start_; }

private:
    /// Estimates how many instructions a microsecond takes, so that a budget ends near its
    /// deadline.
    void measure_speed(std::uint64_t retired) {
        const auto at = host_now(retired);
        if (has_slept_) {
            // What passes while the machine sleeps says nothing about its speed.
            has_slept_ = false;
            sampled_at_ = at;
            sampled_retired_ = retired;
            return;
        }
        const auto passed = std::chrono::duration_cast<std::chrono::microseconds>(at - sampled_at_);
        if (passed < 1ms) return;
        const std::uint64_t measured =
            (retired - sampled_retired_) / static_cast<std::uint64_t>(passed.count());
        speed_ = std::clamp<std::uint64_t>((speed_ + measured) / 2, 1, std::uint64_t{1} << 14);
        sampled_at_ = at;
        sampled_retired_ = retired;
    }

    /// The time is asked for several times at each exit of a vCPU, and a system call of a guest
    /// takes little longer than a look at the host's clock: one look serves some microseconds. Not
    /// around a sleep.
    HostClock::time_point host_now(std::uint64_t retired) {
        constexpr std::uint64_t few_instructions = 2000;
        if (has_slept_ || uses_ >= most_uses || retired - read_retired_ >= few_instructions) {
            last_read_ = HostClock::now();
            read_retired_ = retired;
            uses_ = 0;
        }
        ++uses_;
        return last_read_;
    }

    static constexpr unsigned most_uses = 32;

    const Duration look_every_;
    const HostClock::time_point start_;
    HostClock::time_point sampled_at_;
    std::uint64_t sampled_retired_ = 0;
    /// Since the last budget.
    bool has_slept_ = false;
    HostClock::time_point last_read_;
    std::uint64_t read_retired_ = 0;
    unsigned uses_ = most_uses;
    /// Instructions per microsecond. The first guess is low: too short a budget costs less than a
    /// late timer.
    std::uint64_t speed_ = 20;
    const Duration date_at_start_;
};

const Registered<Clock, Wall> entry{"wall", "the host's monotonic clock; for interactive use"};

}  // namespace
}  // namespace ring3
