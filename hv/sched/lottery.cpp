// SPDX-License-Identifier: MIT
// Lottery scheduling: each quantum is drawn among those who wait, weights being their tickets. Who
// gives the CPU back after a part of its quantum gets so many more tickets until it wins again that
// its share stays right. (Waldspurger and Weihl, "Lottery Scheduling: Flexible Proportional-Share
// Resource Management", OSDI 1994.) The drawing is seeded: the same run, the same winners.
#include <algorithm>
#include <vector>

#include "hv/base/params.hpp"
#include "hv/base/random.hpp"
#include "hv/base/registry.hpp"
#include "hv/sched/scheduler.hpp"

namespace ring3 {
namespace {

using namespace std::chrono_literals;

/// More than that would hand the CPU to whoever slept once for a day.
constexpr std::uint64_t most_compensation = 1000;

struct Player final : sched::PolicyData {
    /// Tickets are multiplied by it.
    std::uint64_t compensation = 1;
};

class Lottery final : public Scheduler {
public:
    explicit Lottery(Params& params)
        : quantum_(params.duration("quantum_us", 10ms, "how long the winner runs", 1us)),
          random_(static_cast<std::uint64_t>(params.integer(
                      "seed", 1, {0, std::numeric_limits<std::int64_t>::max()}, "of the drawing")),
                  stream_of("lottery")) {}

    /// That somebody waits so long by bad luck: once in e^20 times.
    Promises promises() const override {
        return {.follows_weights = true, .wait_per_other = Time{quantum_ * 20}};
    }

    void join(Vcpu& vcpu, Time) override { vcpu.data = std::make_unique<Player>(); }
    void wake(Vcpu& vcpu, Time, Kicks&) override { waiting_.push_back(&vcpu); }

    void stopped(Vcpu& vcpu, PcpuId, Duration ran, Why why, Time) override {
        const bool gave_back = ran < quantum_ && why != Why::slice_spent;
        const auto ratio = quantum_.count() / std::max<Duration::rep>(ran.count(), 1);
        vcpu.own<Player>().compensation =
            gave_back
                ? std::clamp<std::uint64_t>(static_cast<std::uint64_t>(ratio), 1, most_compensation)
                : 1;
        if (why != Why::blocked) waiting_.push_back(&vcpu);
    }

    Choice pick(PcpuId pcpu, Time) override {
        std::uint64_t all = 0;
        for (Vcpu* const vcpu : waiting_) all += tickets(*vcpu, pcpu);
        if (all == 0) return {};
        std::uint64_t winner = random_.below(all);
        for (auto it = waiting_.begin();; ++it) {
            const std::uint64_t held = tickets(**it, pcpu);
            if (winner >= held) {
                winner -= held;
                continue;
            }
            Vcpu* const vcpu = *it;
            waiting_.erase(it);
            vcpu->own<Player>().compensation = 1;
            return {vcpu, quantum_};
        }
    }

    void leave(Vcpu& vcpu, Time) override { std::erase(waiting_, &vcpu); }

private:
    /// At most 2^32 times 1000 for each: the sum over all vCPUs fits.
    static std::uint64_t tickets(Vcpu& vcpu, PcpuId pcpu) {
        return vcpu.affinity.allows(pcpu) ? vcpu.params.weight * vcpu.own<Player>().compensation
                                          : 0;
    }

    const Duration quantum_;
    Random random_;
    std::vector<Vcpu*> waiting_;
};

const Registered<Scheduler, Lottery> entry{"lottery", "proportional shares, drawn with a seed"};

}  // namespace
}  // namespace ring3
