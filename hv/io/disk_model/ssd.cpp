// SPDX-License-Identifier: MIT
// A solid-state disk: a number of channels that each take a latency for a command, behind one
// interface with a bandwidth. A command waits for the channel that is free first, then for its
// turn on the interface. What has been written stands in a cache until the disk is told to flush.
#include <algorithm>
#include <chrono>
#include <vector>

#include "hv/base/registry.hpp"
#include "hv/io/disk_model/disk_model.hpp"

namespace ring3 {
namespace {

using namespace std::chrono_literals;

class Ssd final : public DiskModel {
public:
    explicit Ssd(Params& params)
        : read_latency_(params.duration("read_latency_us", 80us,
                                        "what a channel needs for a read, besides the transfer",
                                        0us, 1s)),
          write_latency_(params.duration("write_latency_us", 20us,
                                         "what a channel needs for a write, besides the transfer",
                                         0us, 1s)),
          flush_latency_(params.duration("flush_latency_us", 500us,
                                         "what a flush takes after the writes before it", 0us,
                                         10s)),
          discard_latency_(
              params.duration("discard_latency_us", 100us, "what a discard takes", 0us, 10s)),
          bytes_per_second_(mib * params.integer("bandwidth_mib_per_s", 500, {1, 100'000},
                                                 "what the interface transfers")),
          channels_(static_cast<std::size_t>(
              params.integer("channels", 8, {1, 4096}, "commands that are worked on at once"))) {}

    Time completes_at(Time now, const DiskAccess& access) override {
        if (access.kind == DiskAccess::Kind::flush) {
            const Time all_written = std::max(now, *std::ranges::max_element(channels_));
            return last_write_ = std::max(last_write_, all_written) + flush_latency_;
        }
        Time& channel = *std::ranges::min_element(channels_);
        const Time ready = std::max(now, channel) + latency(access.kind);
        if (access.kind == DiskAccess::Kind::discard) return channel = ready;
        interface_ = std::max(ready, interface_) + transfer(access.length);
        if (access.kind == DiskAccess::Kind::write) last_write_ = std::max(last_write_, interface_);
        return channel = interface_;
    }

private:
    static constexpr std::int64_t mib = std::int64_t{1} << 20;

    Duration latency(DiskAccess::Kind what) const {
        switch (what) {
            case DiskAccess::Kind::read:
                return read_latency_;
            case DiskAccess::Kind::write:
                return write_latency_;
            default:
                return discard_latency_;
        }
    }
    /// A command is a few MiB at most, so the product stays below 2^62.
    Duration transfer(std::uint64_t length) const {
        return Duration{static_cast<std::int64_t>(length) * 1'000'000'000 / bytes_per_second_};
    }

    const Duration read_latency_, write_latency_, flush_latency_, discard_latency_;
    const std::int64_t bytes_per_second_;
    /// When each channel, and the interface, is free.
    std::vector<Time> channels_;
    Time interface_{};
    Time last_write_{};
};

const Registered<DiskModel, Ssd> entry{"ssd", "channels with a latency behind one bandwidth"};

}  // namespace
}  // namespace ring3
