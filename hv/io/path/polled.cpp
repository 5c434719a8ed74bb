// SPDX-License-Identifier: MIT
// The back end looks by itself at fixed intervals and asks for no kicks: no exits of the guest for
// I/O, at the price of looks that find nothing. After some of these in a row the interval grows,
// so that an idle ring costs little; the first request found brings it back.
#include <algorithm>
#include <chrono>

#include "hv/base/registry.hpp"
#include "hv/io/path/io_path.hpp"

namespace ring3 {
namespace {

using namespace std::chrono_literals;

class Polled final : public IoPath {
public:
    explicit Polled(Params& params)
        : transfer_(declare_transfer(params)),
          period_(
              params.duration("period_us", 50us, "time between two looks at a busy ring", 1us, 1s)),
          idle_period_(std::max(
              period_, params.duration("idle_period_us", 1ms,
                                       "time between two looks at a ring that stays empty; no "
                                       "less than period_us",
                                       1us, 10s))),
          patience_(static_cast<std::uint64_t>(
              params.integer("patience", 100, {1, 1'000'000},
                             "empty looks in a row after which a ring is idle"))) {}

    Transfer transfer() const override { return transfer_; }
    bool wants_kicks() const override { return false; }
    /// A kick that comes all the same (the first of a connection) is not asked for.
    Time look_at(Time now, std::size_t, Time) override { return now; }
    Time look_again(Time now, std::size_t taken) override {
        empty_looks_ = taken == 0 ? empty_looks_ + 1 : 0;
        return now + (empty_looks_ < patience_ ? period_ : idle_period_);
    }
    Time notify_at(Time now, std::size_t, Time) override { return now; }

private:
    const Transfer transfer_;
    const Duration period_;
    const Duration idle_period_;
    const std::uint64_t patience_;
    std::uint64_t empty_looks_ = 0;
};

const Registered<IoPath, Polled> entry{"polled", "look at fixed intervals, without kicks"};

}  // namespace
}  // namespace ring3
