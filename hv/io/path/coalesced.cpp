// SPDX-License-Identifier: MIT
// Fewer looks and fewer events for some latency: the back end looks, and notifies, when a batch is
// full or the oldest entry has waited long enough, as network cards moderate their interrupts.
#include <algorithm>
#include <chrono>

#include "hv/base/registry.hpp"
#include "hv/io/path/io_path.hpp"

namespace ring3 {
namespace {

using namespace std::chrono_literals;

class Coalesced final : public IoPath {
public:
    explicit Coalesced(Params& params)
        : transfer_(declare_transfer(params)),
          batch_(static_cast<std::size_t>(params.integer(
              "batch", 16, {1, 4096}, "entries that are enough to look, or to notify, at once"))),
          timeout_(params.duration("timeout_us", 100us,
                                   "longest that an entry waits for others to come", 1us, 1s)) {}

    Transfer transfer() const override { return transfer_; }
    bool wants_kicks() const override { return true; }
    Time look_at(Time now, std::size_t waiting, Time since) override {
        return when(now, waiting, since);
    }
    Time look_again(Time, std::size_t) override { return never; }
    Time notify_at(Time now, std::size_t waiting, Time since) override {
        return when(now, waiting, since);
    }

private:
    Time when(Time now, std::size_t waiting, Time since) const {
        return waiting >= batch_ ? now : std::max(now, since + timeout_);
    }

    const Transfer transfer_;
    const std::size_t batch_;
    const Duration timeout_;
};

const Registered<IoPath, Coalesced> entry{"coalesced", "look and notify by batch or timeout"};

}  // namespace
}  // namespace ring3
