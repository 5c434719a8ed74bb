// SPDX-License-Identifier: MIT
// A wire: frames go out one after the other at the link's bandwidth, from a queue of limited size,
// travel for the latency, and may be lost on the way, each independently of the others.
#include <algorithm>
#include <chrono>

#include "hv/base/registry.hpp"
#include "hv/io/link_model/link_model.hpp"

namespace ring3 {
namespace {

using namespace std::chrono_literals;

class Link final : public LinkModel {
public:
    Link(Params& params, std::uint64_t stream)
        : kbit_per_s_(params.integer("bandwidth_kbit_per_s", 0, {0, 1'000'000'000},
                                     "what passes in each direction; 0: no limit")),
          latency_(params.duration("latency_us", 0us, "how long a frame travels", 0us, 3600s)),
          loss_ppm_(static_cast<std::uint64_t>(
              params.integer("loss_ppm", 0, {0, 1'000'000}, "frames of a million that are lost"))),
          queue_bytes_(params.integer(
              "queue_bytes", 262'144, {0, 1 << 30},
              "bytes that may wait for the bandwidth; a frame that would be more is lost")),
          random_(static_cast<std::uint64_t>(
                      params.integer("seed", 1, {0}, "of the generator that decides on losses")),
                  stream) {}

    std::optional<Time> arrival(Time now, std::size_t bytes) override {
        const Time begin = std::max(now, free_at_);
        if (waiting(begin - now) > queue_bytes_) return std::nullopt;
        free_at_ = begin + transmission(bytes);
        // A frame is lost on the way: it has used the bandwidth.
        if (loss_ppm_ != 0 && random_.chance(loss_ppm_, 1'000'000)) return std::nullopt;
        return free_at_ + latency_;
    }

private:
    /// Rounded up, so that no sum of frames is faster than the link. A frame has at most 64 KiB:
    /// 2^16 bytes * 8 * 10^6 is far below 2^63.
    Duration transmission(std::size_t bytes) const {
        if (kbit_per_s_ == 0) return Duration::zero();
        const std::int64_t bits_e6 = static_cast<std::int64_t>(bytes) * 8 * 1'000'000;
        return Duration{(bits_e6 + kbit_per_s_ - 1) / kbit_per_s_};
    }
    /// Bytes that leave in this time. What waits is bounded by queue_bytes (2^30) and a frame, so
    /// the time is below 2^30 * 8 * 10^6 ns: the product with 10^9 would not fit, hence the halves.
    std::int64_t waiting(Duration time) const {
        const std::int64_t seconds = time.count() / 1'000'000'000;
        const std::int64_t rest = time.count() % 1'000'000'000;
        return seconds * kbit_per_s_ * 125 + rest * kbit_per_s_ / 8'000'000;
    }

    const std::int64_t kbit_per_s_;
    const Duration latency_;
    const std::uint64_t loss_ppm_;
    const std::int64_t queue_bytes_;
    Random random_;
    Time free_at_{};
};

const Registered<LinkModel, Link> entry{"link", "bandwidth, latency, loss and a limited queue"};

}  // namespace
}  // namespace ring3
