// SPDX-License-Identifier: MIT
// Virtual time: a function of retired guest instructions and a declared cost model. It passes while
// instructions retire, jumps over what nobody would notice, and knows nothing of the host: the same
// machine file and the same input give the same run, bit for bit, on any host.
#include <algorithm>

#include "hv/base/check.hpp"
#include "hv/base/params.hpp"
#include "hv/base/registry.hpp"
#include "hv/clock/clock.hpp"

namespace ring3 {
namespace {

using namespace std::chrono_literals;

/// 128 bits, since retired instructions times picoseconds leaves 64 bits after some months.
__extension__ using Picoseconds = unsigned __int128;
constexpr std::uint64_t picoseconds_per_nanosecond = 1000;

class Virtual final : public Clock {
public:
    explicit Virtual(Params& params) {
        params.choice(
            "cost_model", "flat", {"flat"},
            "what takes time: flat = each retired instruction the same, and what io_* say");
        instruction_ps_ = static_cast<std::uint64_t>(params.integer(
            "instruction_ps", 1000, {1, 1'000'000}, "cost of one instruction in picoseconds"));
        io_request_ = params.duration("io_request_ns", 0ns,
                                      "Domain-0's work for one request of a device", 0ns, 1s);
        io_byte_ps_ = static_cast<std::uint64_t>(
            params.integer("io_byte_ps", 0, {0, 1'000'000},
                           "Domain-0's work for one byte of a device, in picoseconds"));
        date_at_start_ = params.duration("epoch_s", 946'684'800s,
                                         "date at the start, in seconds since 1970 (UTC)");
    }

    World world() const override { return World::closed; }

    Time now(std::uint64_t retired) override {
        const Picoseconds spent = Picoseconds{retired} * instruction_ps_;
        return Time{jumped_ +
                    Duration{static_cast<Duration::rep>(spent / picoseconds_per_nanosecond)}};
    }

    std::uint64_t budget(std::uint64_t retired, Time deadline) override {
        if (deadline <= now(retired)) return 1;
        // The first count of instructions at which the picoseconds reach the deadline, rounded up.
        const auto nanoseconds =
            static_cast<std::uint64_t>((deadline.time_since_epoch() - jumped_).count());
        const Picoseconds wanted = Picoseconds{nanoseconds} * picoseconds_per_nanosecond;
        const Picoseconds count = (wanted + instruction_ps_ - 1) / instruction_ps_;
        constexpr std::uint64_t longest = std::uint64_t{1} << 62;
        return static_cast<std::uint64_t>(std::min<Picoseconds>(count - retired, longest));
    }

    Duration idle(std::uint64_t retired, Time deadline) override {
        HV_CHECK(deadline != never, "virtual time cannot jump to never");
        jumped_ += std::max(deadline - now(retired), Duration::zero());
        return Duration::zero();
    }

    void charge_io(std::uint64_t requests, std::uint64_t bytes) override {
        // Both are what one look at a ring found: far from overflow.
        const std::uint64_t for_bytes = bytes * io_byte_ps_ / picoseconds_per_nanosecond;
        jumped_ += static_cast<Duration::rep>(requests) * io_request_ +
                   Duration{static_cast<Duration::rep>(for_bytes)};
    }

    Duration date_at_start() const override { return date_at_start_; }

private:
    std::uint64_t instruction_ps_ = 0;
    Duration date_at_start_{};
    Duration io_request_{};
    std::uint64_t io_byte_ps_ = 0;
    /// The sum of all time in which no guest's instruction retired.
    Duration jumped_{};
};

const Registered<Clock, Virtual> entry{"virtual", "a function of retired instructions; repeatable"};

}  // namespace
}  // namespace ring3
